/* SPDX-License-Identifier: MIT */
#include "cmdutil/pull_job_args.h"

#include "fetch/budget.h"

/* the index is the level */
static const char *const level_words[] = { "auto", "1",  "2",  "3",  "4",  "5",  "6",
                                           "7",    "8",  "9",  "10", "11", "12", "13",
                                           "14",   "15", "16", "17", "18", "19", NULL };
static const char *const lock_words[] = { "none", "governance", "compliance", NULL };
static const char *const duplicates_words[] = { "auto", "link", "copy", NULL };
static const char *const bundles_words[] = { "auto", "zip", "members", NULL };

/* clang-format off */
const struct opt archive_story_opts[] = {
    { 0,   "records",     "LIST", OPT_TEXT, OPT_AT(pull_job_args, records),       "further records of each run to archive: all (default), none, or some of workflow-run, timeline, steps, actions, session, session-actions, heal-episodes, fallback-episodes, script, tags, tag-history, version", 0, 0, NULL, false, NULL },
    { 0,   "no-children", NULL,   OPT_FLAG, OPT_AT(pull_job_args, no_children),   "do not archive the runs that these runs started", 0, 0, NULL, false, NULL },
    OPT_END,
};

const struct opt archive_name_opts[] = {
    { 'o', "output",     "FILE",   OPT_TEXT,   OPT_AT(pull_job_args, output),     "name of the archive (- is standard output; default skyarc-<UTC>.tar.zst); s3://BUCKET/KEY is an object of a bucket; with a slash at its end, of a directory that is written instead", 0, 0, NULL, false, NULL },
    { 0,   "format",     "FORMAT", OPT_TEXT,   OPT_AT(pull_job_args, format),     "tar.zst, tar.gz, tar or zip (which has no links), or dir: a directory, whose files get --mode (default: from the archive's name)", 0, 0, NULL, false, NULL },
    { 'f', "force",      NULL,     OPT_FLAG,   OPT_AT(pull_job_args, force),      "replace an existing archive, or a directory that is a bag", 0, 0, NULL, false, NULL },
    { 0,   "ratarmount-index", NULL, OPT_FLAG, OPT_AT(pull_job_args, mount_index), "also write ARCHIVE.index.sqlite, with which ratarmount mounts a tar.zst at once; an earlier one is replaced", 0, 0, NULL, false, NULL },
    { 0,   "timestamp-output", "FILE", OPT_TEXT, OPT_AT(pull_job_args, timestamp_output), "file of the response to --timestamp, if it is not ARCHIVE.tsr: necessary with -o -; its name ends with .tsr", 0, 0, NULL, false, NULL },
    { 0,   "strict",       NULL,   OPT_FLAG, OPT_AT(pull_job_args, strict),       "write no archive if any artifact, record or run is missing, or does not match the checksum that the service gave, or has content that does not fit its type", 0, 0, NULL, false, NULL },
    OPT_END,
};

const struct opt archive_format_opts[] = {
    { 'l', "level",      "N",      OPT_CHOICE, OPT_AT(pull_job_args, level),      "compression level: 1 to 19 for zst, otherwise 1 to 9; auto (default): for zst adapted to the speed of the network, otherwise 6", 0, 0, level_words, false, NULL },
    { 0,   "duplicates", "HOW",    OPT_CHOICE, OPT_AT(pull_job_args, duplicates), "store duplicates as hard links (link) or copies (copy); auto: links for 4 KiB and more", 0, 0, duplicates_words, false, NULL },
    { 0,   "no-dedupe",  NULL,     OPT_FLAG,   OPT_AT(pull_job_args, no_dedupe),  "fetch and store every artifact separately", 0, 0, NULL, false, NULL },
    { 0,   "no-report",  NULL,     OPT_FLAG,   OPT_AT(pull_job_args, no_report),  "do not write index.html, the offline view", 0, 0, NULL, false, NULL },
    { 0,   "log-host",   NULL,     OPT_FLAG,   OPT_AT(pull_job_args, log_host),   "write the name of this host to requests.jsonl, the log of the requests to the API", 0, 0, NULL, false, NULL },
    { 0,   "sign",       "KEY",    OPT_TEXT,   OPT_AT(pull_job_args, sign),       "sign the manifest with this OpenSSH Ed25519 key; the signature is ARCHIVE.sig", 0, 0, NULL, false, NULL },
    { 0,   "timestamp",  "URL",    OPT_LIST,   OPT_AT(pull_job_args, timestamp),  "ask this time-stamping authority (RFC 3161) for a time stamp of the manifest, when the archive is written; may be repeated; the responses are ARCHIVE.tsr, ARCHIVE.2.tsr and so on; one that does not come is only a warning", 0, 0, NULL, false, NULL },
    { 0,   "tsa-ca",     "FILE",   OPT_TEXT,   OPT_AT(pull_job_args, tsa_ca),     "keep only time stamps by authorities whose certificate, or that of who issued it, is in this file (PEM; default: only the signatures are checked)", 0, 0, NULL, false, NULL },
    { 0,   "mode",       "MODE",   OPT_MODE,   OPT_AT(pull_job_args, mode),       "permissions of archives, octal (default 0600)", 0, 0, NULL, false, NULL },
    { 0,   "spool-dir",  "DIR",    OPT_TEXT,   OPT_AT(pull_job_args, spool_dir),  "directory for temporary files of bodies and lists too large for memory (default TMPDIR, else /var/tmp)", 0, 0, NULL, false, NULL },
    OPT_END,
};

const struct opt archive_object_opts[] = {
    { 0,   "s3-storage-class", "CLASS", OPT_TEXT, OPT_AT(pull_job_args, object.storage_class), "storage class of an object (-o s3://...), such as STANDARD_IA (default: the bucket's)", 0, 0, NULL, false, NULL },
    { 0,   "s3-encryption", "HOW", OPT_TEXT,   OPT_AT(pull_job_args, object.encryption), "encryption of an object by the store: AES256 or aws:kms (default: the bucket's)", 0, 0, NULL, false, NULL },
    { 0,   "s3-kms-key", "ID",     OPT_TEXT,   OPT_AT(pull_job_args, object.kms_key), "the key for --s3-encryption aws:kms: its ID or ARN", 0, 0, NULL, false, NULL },
    { 0,   "s3-lock",    "MODE",   OPT_CHOICE, OPT_AT(pull_job_args, object.lock),    "lock an object against deletion for --s3-retain: governance or compliance (default none); the bucket must have been created with Object Lock", 0, 0, lock_words, false, NULL },
    { 0,   "s3-retain",  "TIME",   OPT_DURATION, OPT_AT(pull_job_args, object.retain), "how long --s3-lock lasts, from the upload of an object on (suffixes h, d); sync extends what is there to it", 0, 0, NULL, false, NULL },
    { 0,   "s3-legal-hold", NULL,  OPT_FLAG,   OPT_AT(pull_job_args, object.legal_hold),    "put an object under legal hold", 0, 0, NULL, false, NULL },
    OPT_END,
};

const struct opt archive_series_opts[] = {
    { 0,   "after",      "ARCHIVE", OPT_TEXT,  OPT_AT(pull_job_args, after),      "continue a series: record the name and manifest digest of this previous archive", 0, 0, NULL, false, NULL },
    { 0,   "anchor-command", "CMD", OPT_TEXT,  OPT_AT(pull_job_args, anchor_command), "run this shell command after the archive is written, with SKYARC_HEAD (the SHA-256 of its manifest) and SKYARC_ARCHIVE set, and PATH, HOME and LANG, but no other environment variables; its output goes to standard error", 0, 0, NULL, false, NULL },
    { 0,   "command-timeout", "TIME", OPT_DURATION, OPT_AT(pull_job_args, command_timeout), "timeout of --anchor-command (default 5m; 0: none)", 0, 0, NULL, false, NULL },
    OPT_END,
};

const struct opt archive_transfer_opts[] = {
    { 'j', "jobs",       "N",    OPT_NUMBER,   OPT_AT(pull_job_args, jobs),       "maximum number of concurrent transfers (default 256); how many run is found for each host from its throughput and latency", 1, 256, NULL, false, NULL },
    { 0,   "memory",     "SIZE", OPT_SIZE,     OPT_AT(pull_job_args, memory),     "memory of a pull, at least 56m (default 64m, and what a --level above 6 needs): connections, bodies, texts in frames, and compression, whose number of threads and level, if it is auto, follow from it", BUDGET_MEMORY_MIN, BUDGET_MEMORY_MAX, NULL, false, NULL },
    { 0,   "limit-rate", "RATE", OPT_SIZE,     OPT_AT(pull_job_args, limit_rate), "maximum bytes per second of all transfers together (suffixes k, m, g)", 0, 0, NULL, false, NULL },
    { 0,   "retries",    "N",    OPT_NUMBER,   OPT_AT(pull_job_args, retries),    "retries of a transfer for each way to fetch it (default 5)", 0, 100, NULL, false, NULL },
    { 0,   "speed-limit", "RATE", OPT_SIZE,    OPT_AT(pull_job_args, speed_limit), "a transfer slower than this many bytes per second for --speed-time has stalled, and is retried later (default 1k)", 0, 0, NULL, false, NULL },
    { 0,   "speed-time", "TIME", OPT_DURATION, OPT_AT(pull_job_args, speed_time), "time after which a transfer slower than --speed-limit has stalled; all attempts for a file may take 120 times this plus twice the time for its size at --speed-limit (default 30s; 0: no such limit for a file, and the defaults of both options for stalls)", 0, 0, NULL, false, NULL },
    { 0,   "timeout",    "TIME", OPT_DURATION, OPT_AT(pull_job_args, timeout),    "stop listing and fetching after this time, and archive what was fetched (suffixes s, m, h)", 0, 0, NULL, false, NULL },
    { 0,   "hang-timeout", "TIME", OPT_DURATION, OPT_AT(pull_job_args, hang_timeout), "exit with an error after this time without any progress (default 5m; 0: never)", 0, 0, NULL, false, NULL },
    { 0,   "bundles",    "HOW",  OPT_CHOICE,   OPT_AT(pull_job_args, bundles),    "fetch artifacts that are in one ZIP as the whole ZIP (zip) or as single members (members); auto: the way with less transfer", 0, 0, bundles_words, false, NULL },
    { 0,   "local-root", "DIR",  OPT_TEXT,     OPT_AT(pull_job_args, local_root), "read file:// artifacts that the service does not serve from below this directory only", 0, 0, NULL, false, NULL },
    { 0,   "max-size",   "SIZE", OPT_SIZE,     OPT_AT(pull_job_args, max_size),   "skip artifacts larger than this (default 16g)", 0, 0, NULL, false, NULL },
    OPT_END,
};

/* clang-format on */
