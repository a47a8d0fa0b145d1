/* SPDX-License-Identifier: MIT */
/*
 * skyarc archives the artifacts of Skyvern runs. This is the map of the source tree:
 * scripts/check-docs fails if a file is missing here, scripts/check-layers if a file includes
 * a header of a layer above.
 *
 *                  main
 *                   |
 *    cmd, doctor ---+----------- one file per command: options, control flow, output;
 *     |             |            what `skyarc doctor` examines
 *     |    cli -----+            option tables, help, config, progress, exit status
 *     |   cmdutil --'            code shared by several commands
 *     v
 *    listen, viewer, evidence,   receives webhooks, archives each run; serves the view;
 *    story                       reports what is archived; tells what a run did
 *     v
 *    sync ---> pull              a directory of archives, updated every night;
 *     |         |                one archive of some runs
 *     |         |--> fetch ----> client, writer
 *     |         |                transfers of artifacts: which one, when, how often
 *     |         |--> client ---> api ---> redact, net ---> limit
 *     |         |                conversations with the service, and their log (provenance);
 *     |         |                its data formats;
 *     |         |                redaction of secrets; HTTP transfers, and when they may start
 *     |         |--> writer ---> format     writing an archive; the byte formats
 *     |         '--> view -----> format     the offline view
 *     |--> copy ------> mask -> redact      redacted copies of archives (copy -> pull)
 *     |--> reader -----> index -> format    reading an archive; finding its files by name
 *     |         '------> storage -> s3      where archives are: files, objects of a bucket;
 *     |                        (-> credentials -> net) the keys that requests are signed with
 *     |--> attest ---> net                  signatures and time stamps
 *     '--> catalog                          the SQLite index of a sync directory
 *               all of them ---> base
 *
 * cmd/      pull           archive runs, given by their IDs
 *           runs           list all runs, newest first
 *           show           print a run
 *           artifacts      list the artifacts of runs, without downloading
 *           submit         submit a task
 *           wait           wait until runs have ended
 *           listen         receive webhooks, archive each run
 *           list           list the contents of an archive
 *           cat            print files of an archive
 *           extract        extract files of an archive
 *           verify         verify every hash of an archive
 *           view           serve the view of archives to a browser
 *           diff           compare two archived runs, step by step
 *           report         write the offline view of an archive
 *           redact         copy an archive without secrets, for others
 *           audit          report what is archived of a period's runs
 *           sync           archive every run that has ended, once; run by cron
 *           find           search a sync directory's catalog
 *           prune          remove runs that no retention rule keeps
 *           config         show the settings, and where each comes from
 *           doctor         check the set-up
 *           hold           protect runs from prune; end the protection (release)
 *           commands       declarations of all commands
 * cmdutil/  pull_job       one pull: options, output, status line, result
 *           pull_job_args  the options of a pull
 *           outcome        wait for runs, and report how they ended
 *           run_print      print a run for people
 *           api_client     API and transfer loop, for commands that only query
 *           preview        prints what a sync would archive
 *           session        base URL and API key
 *           source         the archives that an operand names: one, or volumes of a directory
 *           selector       selects artifacts of an archive by a filter, run and path
 *           idlist         run IDs from operands and files
 *           query          the options that select runs
 *           filter         the options that select artifacts
 *           summary        the result of a pull, as text and JSON
 *           report         reads an archive into the offline view
 *           audit          signatures, chain of a series, comparison with the service
 *           confirm        whether the service still has runs as archived
 * doctor/   finding        a finding: ok, warning or error, and what to do
 *           ask            requests with a time limit
 *           key_check      where the key comes from, and who may read it
 *           server_check   proxy, name, TLS, answer, version, clock
 *           link_check     how URLs are signed, and what can still be downloaded
 *           disk_check     writing, space, direct I/O, rename, flock, reflink
 *           dest_check     a sync directory: lock, catalog, volumes, last sync
 *           store_check    an object store: credentials, listing, writing, ranges, deleting
 *           bucket_check   its region, clock, versions, locks, uploads, conditional writes
 *           clock_check    how far two clocks differ
 * cli/      dispatch       finds and runs a command
 *           command        a command as data
 *           opt            options as data
 *           config         the configuration file
 *           help           the text of --help
 *           progress       the status line
 *           pace           the rate of the last seconds, and the time left
 *           table          rows and columns
 *           colour         colours of statuses on a terminal
 *           signals        SIGINT and the like (stop), SIGUSR1 (status)
 *           watchdog       ends a process that makes no progress
 *           confine        the sandbox: Landlock and seccomp
 *           browser        opens a URL in the user's browser
 *           child          runs a shell command, isolated from this process
 *           exit           the exit statuses
 * pull/     pull           the steps of a pull: list, plan, fetch, pack, write tag files
 *           pull_opts      the options and the result of a pull
 *           cleaner        redacts the lists while artifacts are fetched
 *           planner        makes the plan from the lists
 *           restore        verifies and keeps the data of an interrupted pull
 *           groups         which of its files are kept together or not at all
 *           run_lists      lists the runs, and plans them, also while bodies are fetched
 *           missing        counts and reports missing artifacts
 *           mount_index    writes ratarmount's index beside an archive
 *           manifest_text  writes manifest.json, as often as needed
 *           request_file   writes the log of requests
 *           tagfiles       run.json and the like; what the tag files are made from
 *           tag_writer     writes the view, manifest.json and the BagIt files
 *           tag_manifest   the manifest of an archive that is made from another
 * provenance/ request_log  collects the requests to the API
 *           request_line   the lines of requests.jsonl
 *           request_check  whether records are the answers that the log names
 *           request_filter a copy of the log without some runs
 *           build_id       which build of skyarc runs
 * fetch/    fetch          the loop that starts transfers until no task is open
 *           budget         limits of transfers, buffers and descriptors
 *           task           one artifact to be fetched: a state machine and its table
 *           task_queue     which task is started next; retries; hosts at their limit
 *           completion     the end of tasks: stored, missing, from a bundle's ZIP
 *           early          which artifacts are fetched before all runs are listed
 *           tally          ends tasks, and counts what is done and what is missing
 *           journal_writer adds the stored items to the journal of an unfinished archive
 *           url_refresh    lists a run again to renew all its signed URLs
 *           transfer       one body from the socket to the packer
 *           fallback       how transfers go on without temporary files
 *           attempt_log    says how attempts ended, also in the log of requests
 * listen/   receive        receives webhooks and writes one archive per run
 *           inbox          webhooks stored on disk
 *           held           artifacts that the archives of a webhook's run have
 *           run_queue      decides which queued run is archived next
 *           server         receives requests with a body, by libmicrohttpd
 *           bodies         the bodies of requests, within one memory limit
 *           peers          connections of clients, and which is closed at the limit
 * sync/     sync           the steps of a sync: heal, discover, write volumes
 *           survey         asks the service which runs are to be archived; previews a sync
 *           discover       asks the service for runs, records their states
 *           assign         assigns runs to shards
 *           recheck        lists archived, open runs again
 *           catalog_import imports volumes into the catalog
 *           catch_up       the catalog of a bucket, for commands that only read
 *           text_import    puts the logs and LLM texts of a volume into the full-text index
 *           plain_text     what people read in a log or an LLM text
 *           prune          removes runs that no retention rule keeps
 *           rewrite        copies a volume with some of its runs
 *           fixity         detects volumes that are gone, replaced or damaged
 *           heal           opens the catalog, makes it consistent with the disk
 *           stamping       asks authorities for the time stamps that volumes wait for
 *           holding        makes legal holds and retention agree with log and options
 *           metrics        a text file for Prometheus
 * volumes/  volume_store   where volumes lie, and how they are written and read there
 *           dir_store      volumes as files of a directory
 *           bucket_store   volumes as objects of a bucket
 *           bucket_place   the prefix of a bucket, and the list of what is there
 *           bucket_log     the log of a sync, as objects
 *           volume_upload  uploads a volume and makes it count, in the background
 *           commit_record  the object that makes a volume count
 *           commit_sequence  decides which volumes are committed, whoever writes
 *           orphans        collects volumes that were uploaded and never committed
 *           tombstone      the objects that say what prune is about to remove
 *           hidden         volumes that a delete marker or a newer version hides
 *           volume_lock    legal hold and retention of volumes in a bucket, what was set
 *           catalog_index  the copy of the catalog in a bucket
 *           tail_cache     digests of volumes' tails, by entity tags
 *           work_dir       the local directory of a sync into a bucket
 *           lock           the lock of a sync directory
 * client/   call           API calls with retries
 *           lister         lists runs: asks about each, merges IDs, adds child runs
 *           listing        the result: records and artifact lists of runs
 *           run_requests   all requests about one run, until it is listed
 *           answers        evaluates the answers
 *           unlisted       finds artifacts that are in no list of the run
 *           identity       the two IDs of one run
 *           children       the runs that runs started
 *           records        further records of a run, stored
 *           records_fetch  fetches these records, beside the artifacts
 *           paging         joins the pages of a record
 *           extras         artifacts named by a run's record but not by its list
 *           runs           the list of all runs, page by page
 *           older_runs     runs beyond the end of that list
 *           wait           polls runs until they end
 *           await          lists runs once they and their children have ended
 * api/      api            base URL, key, error bodies
 *           run            a run's record
 *           artifact       a run's artifact list
 *           kind           artifact types and groups
 *           artifact_filter which artifacts are wanted: by type, name, step, size and time
 *           kind_tally     which types there are, for people
 *           expiry         when a signed URL expires
 *           fetch_route    next way to fetch: signed URL, renewed URL, content endpoint
 *           fetch_url      a URL parsed once: origin, expiry, whether it is signed
 *           task_request   the request that submits a task
 *           webhook        parses a webhook and checks its signature
 *           endpoint       the calls that return a run's records
 *           timeline       the runs and tasks named by a timeline
 *           reason         the reasons of missing artifacts
 *           secret         a secret in memory, such as the API key
 * redact/   redact         redacts secrets in everything that leaves the program
 *           secret_end     where a secret ends
 *           secret_names   the list of names whose values are secrets
 *           secret_scan    finds secrets in a text
 *           symbol         characters, in any encoding
 * net/      loop           one turn of the transfer loop
 *           ping           a request to a monitoring service
 *           engine         libcurl's multi interface, redirects, pausing
 *           request        one GET and its result
 *           question       one request to a service, without a client or a loop
 *           send           a method, headers and a body: what S3's requests need
 *           resume         resumes a broken transfer, if that is safe
 *           origin         the hosts, each with its limit and the delay that it asked for
 *           proxy          chooses the proxy of a request
 *           url            parses URLs
 *           xml            reads the XML of responses
 *           slot           a libcurl handle, set up for one request
 *           sockets        connections, and data received on them unasked
 * limit/   limit          an adaptive concurrency limit
 *           level          the number of requests that may run, and its bounds
 *           slow_start     the limit's first phase: exponential growth
 *           trial          tries other limits, keeps the better ones
 *           rejection      lowers the limit, and raises it again
 *           window         throughput and concurrency in a window of time
 *           latency        the lowest latency; whether requests wait in a queue
 *           backoff        when to retry
 *           rate           a token bucket
 * catalog/  db             the index of a sync directory, an SQLite database
 *           schema         the tables, as steps from each version to the next
 *           page_checksum  a checksum in each database page
 *           contents       volumes and their contents
 *           run_state      the state of each run
 *           shard          divides the runs among directories: the hash, K/N
 *           sync_log       when syncs ran, and how they ended
 *           search         finds runs and artifacts
 *           text_index     the full-text index that searches use
 *           audit_log      log.jsonl: holds, pruned runs, lost volumes
 *           log_replay     applies the log to the catalog
 *           period         the runs and syncs of a period
 *           relation       second IDs of runs, and which run started which
 *           retention      decides which runs are kept
 *           timestamp      which time stamps the volumes have, and which they wait for
 *           volume_name    the names of volumes
 * writer/   plan           the items to archive, identical ones joined; a ZIP or its members
 *           packer         the thread that processes bodies
 *           entry_names    names every file
 *           entry_writer   hashes, finds duplicates, writes an entry or a link
 *           split          splits a ZIP into bodies
 *           unbundle       packs the members of a bundle's ZIP
 *           decode         decodes gzip, deflate and zstd bodies
 *           dedupe         finds identical content
 *           body           a body in memory, or in an unnamed file
 *           volume         an archive being written, tar, zip or directory
 *           tree           a directory being written instead of an archive
 *           framer         splits the tar stream into frames
 *           compress_pool  threads that compress, and one that restores the order
 *           output         OUTPUT.partial, direct I/O, rename to the final name
 *           journal        the artifacts in OUTPUT.partial
 *           async_write    writes full buffers to disk in one thread, hashes them in another
 * reader/   archive_reader opens an archive: bytes, format, index
 *           manifest_scan  reads the manifest, row by row
 *           stream         the tar stream, decoded from any frame
 *           bag_stream     reads a directory that is a bag as a tar stream
 *           entry_reader   iterates over the entries
 *           parallel_scan  reads the entries in several threads
 *           salvage        reads the complete frames of an unfinished archive
 *           fetchone       reads a single file
 *           name_check     compares the index of names with the manifest
 *           named          reads files and rows by the index of names
 *           extract        extracts files, never outside a directory
 *           verify         verifies an archive
 *           inventory      the files named by the manifest, a compact row for each
 *           string_pool    interned strings
 *           stage          tag files waiting for their digests
 *           chain          archives that name their predecessor
 * storage/  range_file     a file that is read at any offset: a local one, or an object
 *           object_file    reads an object of a bucket, and ahead
 *           staging        a local file that becomes an object
 *           lease          an object that says which process works on something
 *           remote         the process's settings for object stores
 *           conditions     whether a store's conditional writes decide races
 * s3/       s3_client      signed requests to a bucket, with retries
 *           s3_probe       asks a store why it closed the connection
 *           s3_error       what an error response says, and what to do
 *           object         single objects: how they are stored; examine, read, delete
 *           object_put     writes a small object, also under a condition
 *           object_list    lists the objects of a bucket
 *           object_page    reads one page of that list
 *           object_lock    legal hold and retention of a version
 *           version_list   lists the versions of objects
 *           bucket         versions and Object Lock of a bucket
 *           upload_list    lists unfinished uploads
 *           upload         writes a file as an object, in parallel parts
 *           unfinished     finds and aborts unfinished uploads
 *           sigv4          AWS Signature Version 4
 *           location       s3://bucket/key, and the URL that it stands for
 * credentials/ credentials the keys that requests are signed with, and their sources
 *           keys           access key, secret key and session token
 *           profile        AWS's configuration files
 *           key_file       a file with secrets
 *           metadata       the metadata services of containers and instances
 *           aws_region     names of AWS's regions, and the domains of their endpoints
 *           sts            exchanges a web identity for keys
 * evidence/ inspection     what can be said of the runs of a period, and of their archives
 *           verdict        whether a run is archived whole, and why not
 *           archives       the archives, what is wrong with each and with all together
 *           coverage       whether the service's lists were read for a whole period
 *           decisions      holds, removals and losses, by the log and the catalog
 *           manifest_runs  the runs of one archive
 *           claims         what an archive says of itself: digest, predecessor, signature
 *           signature      checks an archive's signature
 *           time_stamps    checks an archive's time stamps
 *           consistency    whether a directory's volumes match its catalog
 *           inspection_html  the report as a page
 *           inspection_csv   the report as a table
 *           inspection_json  the report as JSON
 * viewer/   site           what `skyarc view` answers for a path
 *           http_server    serves files to browsers on this machine, by libmicrohttpd
 *           access         the token, the cookie, the host: who may read
 *           byte_range     the part of a file that a request asks for
 *           library        the archives that are shown, or the volumes of a directory
 *           live_page      the page, and the data of one run, made when asked for
 *           run_visit      visits what archives have of one run
 *           forward_reader opens files of an archive at their places, forwards
 *           served_file    one file of an archive, read at any offset
 * story/    run_story      what a run did, step by step, from its records and artifacts
 *           action         what was done to pages, as the service or a model says
 *           contrast       how two runs differ
 *           contrast_json  the same as JSON
 * copy/     copy           writes a redacted copy of an archive
 *           copy_plan      what becomes of each file of the archive
 *           copy_manifest  the copy's manifest, which says what was taken out
 *           copy_tags      its view and tag files
 *           original_check whether a copy is its original but for what it says
 * mask/     rules          what is taken out: default rules, and a rules file
 *           content        masks a file by what its content is: text, gzip, picture
 *           json_mask      masks values of JSON documents
 *           json_path      paths of values in JSON documents
 *           har_mask       which values of HARs are secret
 *           html_field     finds password fields in HTML
 *           typed          what actions typed into password fields
 *           text_mask      finds and masks secrets in a text, in all its encodings
 *           layer          a text with its escapes decoded, and back
 *           known          finds values that are known to be secret
 *           pattern        finds e-mail addresses, card numbers, tokens
 *           regex          regular expressions of a rules file
 * view/     page           the view: index.html, and what it is made from
 *           sidecar        view/RUN_ID.js, the data of one run
 *           texts          which texts are copied into sidecars
 *           row_json       the manifest's rows, as the view has them
 *           inert          escapes JSON: nothing is markup or script
 *           store          text buffered in an unnamed file
 *           har            reduces a HAR to the data shown
 *           recording      when a recording began, by its own metadata
 *           about          what the header of the view states
 *           skeleton       the HTML around what differs from page to page
 *           asset          the style, the script and the HTML
 * format/   frame          zstd frames and gzip members
 *           seek           the seek table at an archive's end
 *           container      the formats of archives, and their names
 *           entry          tar headers
 *           zip            zip archives
 *           unzip          the entries of an untrusted ZIP
 *           manifest       writes manifest.json
 *           manifest_read  reads manifest.json as a stream
 *           manifest_rewrite the manifest of a rewritten archive
 *           extract_dir    a directory that files are written into, and never outside
 *           payload_path   the paths data/RUN_ID/...
 *           safe_name      which names may be created there
 *           bag            writes the BagIt files
 *           tagfile        reads the BagIt files
 *           sniff          detects file types by magic bytes
 *           suspect        content that does not fit its artifact type
 * attest/   sshsig         OpenSSH signatures
 *           tsp            time stamps: what an authority is asked and answers (RFC 3161)
 *           authority      asks a time-stamping authority, keeps what it answers
 *           proof          the names of an archive's signature and time stamps
 * index/    name_index     the pages of an archive's index of names
 *           name_list      makes that index from the manifest
 *           name_row       the names of a row of the manifest
 *           name_lookup    finds names in it
 *           ratarmount     makes the index that ratarmount reads
 * base/     err mem buf text path file clock log json jsonw digest queue pool
 *           pulse hashmap reserve
 *
 * Data flow: client/listing -> writer/plan -> fetch/fetch (the main thread, which runs the
 * transfer loop) -> writer/packer (one thread) -> writer/compress_pool (one thread per
 * processor, or as many as the memory has room for, and one that restores the order of frames)
 * -> writer/output (which writes by one thread, and hashes by another).
 */
#include "config.h"

#include "base/log.h"
#include "cli/dispatch.h"
#include "cli/exit.h"
#include "cli/signals.h"
#include "cmd/commands.h"
#include "redact/redact.h"
#include "storage/remote.h"

#include <fcntl.h>
#include <locale.h>
#include <stdlib.h>

static const struct command *const commands[] = {
    &cmd_pull,   &cmd_runs,   &cmd_show,    &cmd_artifacts, &cmd_submit, &cmd_wait,
    &cmd_listen, &cmd_sync,   &cmd_prune,   &cmd_find,      &cmd_hold,   &cmd_release,
    &cmd_list,   &cmd_cat,    &cmd_extract, &cmd_verify,    &cmd_view,   &cmd_diff,
    &cmd_report, &cmd_redact, &cmd_audit,   &cmd_doctor,    &cmd_config, NULL,
};

/*
 * Open /dev/null for each standard stream that is closed. Otherwise the next file opened would
 * get the stream's descriptor, and its data. The mode is chosen so that using the stream fails.
 */
static int open_missing_streams(void)
{
    int fd;

    for (fd = 0; fd < 3; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd ? O_RDONLY : O_WRONLY) != fd)
            return -1;
    }
    return 0;
}

/* Object stores are reached by what the environment says, in every command. */
static void set_object_stores(void)
{
    const char *ca_file = getenv("AWS_CA_BUNDLE");
    struct remote_opts opts = { .agent = "skyarc/" PACKAGE_VERSION,
                                .ca_file = ca_file && *ca_file ? ca_file : NULL,
                                .retries = 5,
                                .stop = signals_stopping() };

    remote_begin(&opts);
}

int main(int argc, char **argv)
{
    int status;

    if (open_missing_streams() < 0 || signals_early() < 0)
        return EXIT_FAILED;
    (void)setlocale(LC_CTYPE, "C.UTF-8"); /* names in archives are UTF-8 */
    log_filter(redact_line);
    set_object_stores();
    status = dispatch_main(commands, PACKAGE_STRING, argc, argv);
    remote_end();
    return status;
}
