/* SPDX-License-Identifier: MIT */
/*
 * skyarc keeps what Skyvern runs leave behind. This is the map of the house;
 * scripts/check-docs fails when it misses a file, scripts/check-layers when an
 * arrow goes up.
 *
 *                  main
 *                   |
 *    cmd -----------+----------- one file a command: options, order, output
 *     |    cli -----+            option tables, help, config, progress, exit
 *     |   cmdutil --'            what several commands share
 *     v
 *    sync ---> pull              a directory of archives, night after night;
 *     |         |                one archive from some runs
 *     |         |--> client ---> api ---> net, redact
 *     |         |                conversations with the service; its words;
 *     |         |                HTTP transfers; secrets taken out
 *     |         |--> writer ---> format     writing an archive; its bytes
 *     |         '--> view -----> format     the offline view
 *     |--> reader -------------> format     reading an archive
 *     '--> catalog                          the SQLite index of a directory
 *               all of them ---> base
 *
 * cmd/      pull           the main job: from run IDs to an archive
 *           runs           list all runs, newest first
 *           show           a run on a page
 *           artifacts      what runs have, without downloading
 *           submit         submit a task
 *           wait           wait until runs have ended
 *           listen         receive webhooks, archive each run
 *           list           what an archive holds
 *           cat            one file of it
 *           extract        files out of it
 *           verify         every hash in it
 *           report         the offline view of it
 *           sync           what cron runs: every run that has ended, once
 *           find           search a sync directory's catalog
 *           prune          remove runs that no rule keeps
 *           hold           keep runs from being pruned; release them
 *           commands       all of them
 * cmdutil/  pull_job       one pull: options, output, the line that moves, the result
 *           outcome        wait for runs, and say how they ended
 *           run_print      one run, for people
 *           api_client     the API and a loop, for commands that only ask
 *           session        where the API is, and the key
 *           selector       which of an archive's artifacts are wanted
 *           idlist         run IDs from operands and files
 *           query          which runs, as options say it
 *           summary        what a pull came to, as text and JSON
 *           report         an archive read into the offline view
 *           audit          signatures, the anchor's command, what the service has more
 *           confirm        whether the service still has runs as they are archived
 *           standing       whether a directory's volumes stand as its catalog says
 *           tool           what the program calls itself
 * cli/      dispatch       finds and runs a command
 *           command        what a command is, as data
 *           opt            options as data
 *           config         the configuration file
 *           help           what --help prints
 *           progress       the line that moves
 *           table          rows and columns
 *           signals        stop, and how far are you
 *           watchdog       ends a process in which nothing moves
 *           confine        Landlock and seccomp
 *           child          a command run by the shell, with nothing else of ours
 *           exit           the exit statuses
 * pull/     pull           list, plan, fetch, pack, record: the order of work
 *           pull_opts      what a pull is asked for, and what came of it
 *           budget         transfers, buffers and descriptors that a pull may have
 *           cleaner        secrets out of the lists, while artifacts are fetched
 *           planner        from the lists to the plan
 *           fetch          the loop that starts transfers until no task is open
 *           fetch_url      a URL parsed once: origin, expiry, whether it is signed
 *           task           one artifact to be fetched: a state machine, its table
 *           task_queue     which task is started next; retries; hosts at their limit
 *           completion     what ends tasks: stored, lost, out of a bundle's ZIP
 *           url_refresh    a run's list again, once for all its URLs
 *           restore        what an interrupted attempt left, checked and kept
 *           transfer       one body from the socket to the packer
 *           missing        what a pull has not got, counted and told
 *           manifest_text  manifest.json, as often as it is asked for
 *           tagfiles       run.json and its like, the BagIt files
 * sync/     receive        webhooks in, one archive a run out
 *           sync           heal, survey, write volumes: the order of a night
 *           discover       what the service has by now, as states of runs
 *           recheck        what is archived and open, listed once more
 *           catalog_import volumes into the catalog
 *           prune          runs that no rule keeps, removed
 *           rewrite        a volume once more, with some of its runs
 *           volume_store   where the volumes are
 *           fixity         whether volumes still are what they were
 *           heal           the catalog opened, and brought together with the disk
 *           inbox          webhooks on the disk
 *           run_queue      which of the queued runs is next
 *           lock           one at a time
 *           metrics        a text file for Prometheus
 * client/   call           API calls with retries
 *           lister         runs listed: each asked about, joined, with its children
 *           listing        the runs' records and artifact lists, as they came
 *           inquiry        what is asked about one run, until it is listed
 *           answers        and what the answers make of it
 *           errands        its artifacts that no list of it has
 *           identity       the two names of one run
 *           children       the runs that runs have started
 *           records        what else tells a run's story, kept
 *           gather         and fetched, beside the artifacts
 *           paging         a record in pages, put together
 *           extras         what a run's record names beside its list
 *           runs           the list of all runs, page after page
 *           older          and what it does not reach
 *           wait           poll runs until they end
 * api/      api            base URL, key, error bodies
 *           run            a run's record
 *           artifact       a run's artifact list
 *           kind           artifact types and groups
 *           expiry         when a signed URL dies
 *           fetch_route    signed URL, renewed URL, content endpoint
 *           task_request   what is submitted
 *           webhook        what Skyvern POSTs, and whether it did
 *           endpoint       the calls that give a run's records
 *           timeline       which runs and tasks a timeline names
 *           reason         why something is missing
 * redact/   redact         secrets taken out of what leaves the program
 *           secret_end     where a secret ends
 *           secret_names   whose values are secrets: the list
 *           secret_scan    secrets in a text, found
 *           symbol         characters, however they are encoded
 * net/      loop           one turn of the transfer loop
 *           ping           a dead-man switch
 *           engine         libcurl's multi loop, redirects, pausing
 *           request        one GET and what came of it
 *           backoff        when to try again
 *           resume         going on with what broke off, never glued wrongly
 *           origin         how much a host gets at a time
 *           proxy          through which proxy a request goes
 *           rate           a token bucket
 *           url            what a URL says
 *           slot           a libcurl handle, set up for one request
 *           sockets        connections, and what lies in them unasked
 *           server         requests with a body, by libmicrohttpd
 *           bodies         what has come of them, in one budget of memory
 *           peers          who is connected, and who has to make room
 * catalog/  db             the index of a sync directory, in SQLite
 *           page_checksum  a checksum in each of its pages
 *           contents       volumes and what they hold, in and out
 *           run_state      where each run stands on its way
 *           search         what a catalog holds, found
 *           audit_log      log.jsonl: holds, what was pruned or lost: what no volume can tell
 *           log_replay     the log, brought into the catalog
 *           relation       the other names of runs, and which run has started which
 *           retention      which runs are kept
 *           volume_name    what volumes are called
 * writer/   plan           the items to be archived, and which are the same; then only read
 *           bundle         one ZIP or its members: which is cheaper
 *           packer         the thread that looks at bodies, and answers
 *           entry_names    what each file is called
 *           entry_writer   hash, find duplicates, write an entry or a link
 *           split          bodies out of a ZIP
 *           unbundle       a bundle's ZIP, its members packed
 *           decode         bodies out of gzip, deflate or zstd
 *           dedupe         has this content been seen?
 *           body           bodies in memory, or in a file without a name
 *           volume         one archive in the making, tar or zip
 *           framer         the tar stream, cut into frames
 *           compress_pool  threads that compress, and one that writes in order
 *           output         OUTPUT.partial, direct I/O, the final name
 *           journal        which artifacts OUTPUT.partial holds
 *           async_write    full buffers to the disk, on a thread of its own
 * reader/   archive_reader an archive opened: bytes, format, index
 *           manifest_scan  its manifest, row by row
 *           stream         its tar stream, decoded from any point on
 *           entry_reader   its entries, one after the other
 *           parallel_scan  its entries, by several threads
 *           salvage        the whole frames of one that was not finished
 *           fetchone       one file out of it
 *           extract        files onto the disk, never outside of a directory
 *           extract_dir    that directory
 *           safe_name      which names may be written there
 *           verify         is it what it says it is?
 *           inventory      what it should hold: a compact row for each file
 *           string_pool    texts that many rows have, kept once
 *           stage          tag files that wait for their digests
 *           chain          archives that name the one before them
 * view/     page           index.html: a style, a script, inert JSON
 *           har            a HAR boiled down
 *           asset          the style and the script
 * format/   frame          zstd frames and gzip members
 *           seek           the seek table at an archive's end
 *           container      the formats of archives, and their names
 *           entry          tar headers
 *           zip            zip archives
 *           unzip          the entries of a ZIP that nobody trusts
 *           manifest       manifest.json
 *           manifest_read  manifest.json read piece by piece
 *           manifest_rewrite the manifest of an archive that is written anew
 *           bag            the BagIt files
 *           tagfile        the same, read again
 *           sshsig         signatures as OpenSSH makes and checks them
 *           sniff          what bytes are, by their beginning
 *           suspect        content that cannot be what it is called
 * base/     err mem buf text path file clock log json jsonw digest queue pool
 *           pulse secret hashmap
 *
 * The way of the data: client/listing -> writer/plan -> pull/fetch (one thread, the
 * transfer loop) -> writer/packer (a thread) -> writer/compress_pool (a thread a core,
 * and one that puts frames in order) -> writer/output (which flushes on a thread of
 * its own).
 */
#include "config.h"

#include "base/log.h"
#include "cli/dispatch.h"
#include "cli/exit.h"
#include "cmd/commands.h"
#include "redact/redact.h"

#include <fcntl.h>
#include <locale.h>

static const struct command *const commands[] = {
    &cmd_pull,   &cmd_runs, &cmd_show,    &cmd_artifacts, &cmd_submit, &cmd_wait,
    &cmd_listen, &cmd_sync, &cmd_prune,   &cmd_find,      &cmd_hold,   &cmd_release,
    &cmd_list,   &cmd_cat,  &cmd_extract, &cmd_verify,    &cmd_report, NULL,
};

/*
 * Have the standard streams: where one is closed, a file that we open would take its place, and
 * get what is meant for it. They are opened so that using them fails.
 */
static int have_streams(void)
{
    int fd;

    for (fd = 0; fd < 3; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd ? O_RDONLY : O_WRONLY) != fd)
            return -1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (have_streams() < 0)
        return EXIT_FAILED;
    (void)setlocale(LC_CTYPE, "C.UTF-8"); /* names in archives are UTF-8, wherever we run */
    log_filter(redact_line);
    return dispatch_main(commands, PACKAGE_STRING, argc, argv);
}
