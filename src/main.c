/* SPDX-License-Identifier: MIT */
/*
 * skyarc archives the artifacts of Skyvern runs. This is the map of the source tree:
 * scripts/check-docs fails if a file is missing here, scripts/check-layers if a file includes
 * a header of a layer above.
 *
 *                  main
 *                   |
 *    cmd -----------+----------- one file per command: options, control flow, output
 *     |    cli -----+            option tables, help, config, progress, exit status
 *     |   cmdutil --'            code shared by several commands
 *     v
 *    listen, viewer, evidence,   receives webhooks, archives each run; serves the view;
 *    doctor                      reports what is archived; examines the settings
 *     v
 *    sync ---> pull              a directory of archives, updated every night;
 *     |         |                one archive of some runs
 *     |         |--> fetch ----> client, writer
 *     |         |                transfers of artifacts: which one, when, how often
 *     |         |--> client ---> api ---> redact, net ---> limit
 *     |         |                conversations with the service; its data formats;
 *     |         |                redaction of secrets; HTTP transfers, and when they may start
 *     |         |--> writer ---> format     writing an archive; the byte formats
 *     |         '--> view -----> format     the offline view
 *     |--> reader -----> index -> format    reading an archive; finding its files by name
 *     |         '------> storage -> s3      where archives are: files, objects of a bucket
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
 *           report         write the offline view of an archive
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
 *           store_check    an object store: writing, ranges, conditional writes, locks
 *           probe          finds out what a store can do
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
 *           tagfiles       run.json and the like; what the tag files are made from
 *           tag_writer     writes the view, manifest.json and the BagIt files
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
 *           relief         how transfers go on without temporary files
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
 *           recheck        lists archived, open runs again
 *           catalog_import imports volumes into the catalog
 *           prune          removes runs that no retention rule keeps
 *           rewrite        copies a volume with some of its runs
 *           volume_store   locates the volumes
 *           fixity         detects volumes that are gone, replaced or damaged
 *           heal           opens the catalog, makes it consistent with the disk
 *           lock           the lock of a sync directory
 *           stamping       asks authorities for the time stamps that volumes wait for
 *           metrics        a text file for Prometheus
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
 *           sync_log       when syncs ran, and how they ended
 *           search         finds runs and artifacts
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
 *           remote         the process's settings for object stores
 * s3/       s3_client      signed requests to a bucket, with retries
 *           s3_error       what an error response says, and what to do
 *           object         single objects: how they are stored; examine, read a range, delete
 *           upload_list    lists unfinished uploads
 *           upload         writes a file as an object, in parallel parts
 *           unfinished     finds and aborts unfinished uploads
 *           sigv4          AWS Signature Version 4
 *           location       s3://bucket/key, and the URL that it stands for
 *           credentials    the keys that requests are signed with, and their sources
 *           keys           access key, secret key and session token
 *           profile        AWS's configuration files
 *           key_file       a file with secrets
 *           metadata       the metadata services of containers and instances
 *           sts            exchanges a web identity for keys
 *           xml            reads the XML of responses
 * evidence/ inspection     what can be said of the runs of a period, and of their archives
 *           verdict        whether a run is archived whole, and why not
 *           archives       the archives, what is wrong with each and with all together
 *           coverage       whether the service's lists were read for a whole period
 *           decisions      holds, removals and losses, by the log and the catalog
 *           manifest_runs  the runs of one archive
 *           glance         what an archive says of itself: digest, predecessor, signature
 *           signature      checks an archive's signature
 *           time_stamps    checks an archive's time stamps
 *           standing       whether a directory's volumes match its catalog
 *           inspection_html  the report as a page
 *           inspection_csv   the report as a table
 *           inspection_json  the report as JSON
 * viewer/   site           what `skyarc view` answers for a path
 *           http_server    serves files to browsers on this machine, by libmicrohttpd
 *           access         the token, the cookie, the host: who may read
 *           byte_range     the part of a file that a request asks for
 *           library        the archives that are shown, or the volumes of a directory
 *           live_page      the page, and the data of one run, made when asked for
 *           served_file    one file of an archive, read at any offset
 * view/     page           the view: index.html, and what it is made from
 *           sidecar        view/RUN_ID.js, the data of one run
 *           texts          which texts are copied into sidecars
 *           row_json       the manifest's rows, as the view has them
 *           inert          escapes JSON: nothing is markup or script
 *           store          text buffered in an unnamed file
 *           har            reduces a HAR to the data shown
 *           asset          the style and the script
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
 *           safe_name      which names may be created there
 *           bag            writes the BagIt files
 *           tagfile        reads the BagIt files
 *           sniff          detects file types by magic bytes
 *           suspect        content that does not fit its artifact type
 * attest/   sshsig         OpenSSH signatures
 *           tsp            time stamps: what an authority is asked and answers (RFC 3161)
 *           authority      asks a time-stamping authority, keeps what it answers
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
 * processor, and one that restores the order of frames) -> writer/output (which writes by one
 * thread, and hashes by another).
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
    &cmd_list,   &cmd_cat,    &cmd_extract, &cmd_verify,    &cmd_view,   &cmd_report,
    &cmd_audit,  &cmd_doctor, &cmd_config,  NULL,
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
