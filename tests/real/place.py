# SPDX-License-Identifier: MIT
"""Where the real server is installed on this machine, and how its parts are started and stopped.

A Place uses one folder (the cache folder) for the virtual environment, the logs, the process ids, and
a folder for each configuration. Everything runs in one network namespace, kept alive by a sleeping
process. The namespace has only the loopback interface, so all ports are free and nothing leaves the
machine. PostgreSQL refuses to run as root; so for root, the database runs as the user postgres, and its
folder is in the home of that user.
"""
import glob
import hashlib
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SERVER = "1.0.56"
MOTO = "5.2.5"
DB_PORT, S3_PORT, API_PORT = 5432, 5000, 8000
TEMPLATE = "empty"  # name of the template database: migrated, without rows
KEYRING = json.dumps({"current_kid": "k1", "keys": {"k1": {"secret": "real-skyvern-test", "created_at": "2026-01-01"}}})
CONFIGS = ("local", "local-signed", "s3", "s3-signed")


class Cannot(Exception):
    """The test environment cannot be set up; reported in one line, not as a failed test."""


def cache_folder():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(base, "skyarc", "real-skyvern")


class Place:
    def __init__(self):
        self.top = cache_folder()
        self.venv = self.top + "/venv"
        self.python = self.venv + "/bin/python"
        self.run = self.top + "/run"
        os.makedirs(self.run, exist_ok=True)
        self.root = os.geteuid() == 0
        self.database = self.top + "/database"
        if self.root:
            try:
                self.owner = pwd.getpwnam("postgres")
            except KeyError:
                raise Cannot("there is no user postgres: install postgresql (scripts/install-deps real)")
            mark = hashlib.sha256(self.top.encode()).hexdigest()[:8]  # a separate database for each cache folder
            self.database = "%s/skyarc-real-skyvern-%s" % (self.owner.pw_dir, mark)

    # Processes. ------------------------------------------------------------------------------

    def pid(self, name):
        """The process id of a part (database, server, ...) if it runs, or None."""
        try:
            with open("%s/%s.pid" % (self.run, name)) as file:
                pid, began = file.read().split()
        except (OSError, ValueError):
            return None
        return int(pid) if start_time(int(pid)) == began else None

    def start(self, name, command, env=None, cwd=None, user=None, wrap=True):
        """Start a part in the namespace, with its output in run/NAME.log."""
        if wrap:
            command = self.inside(command)
        with open("%s/%s.log" % (self.run, name), "ab") as log:
            child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env,
                                     cwd=cwd or self.run, start_new_session=True, user=user)
        with open("%s/%s.pid" % (self.run, name), "w") as file:
            file.write("%d %s" % (child.pid, start_time(child.pid)))
        return child

    def stop(self, name, sig=signal.SIGTERM, patience=20):
        pid = self.pid(name)
        if pid:
            os.kill(pid, signal.SIGINT if name == "database" else sig)
            end = time.monotonic() + patience
            while start_time(pid) and time.monotonic() < end:
                try:
                    os.waitpid(pid, os.WNOHANG)
                except ChildProcessError:
                    pass
                time.sleep(0.05)
            if start_time(pid):
                os.kill(pid, signal.SIGKILL)
        if os.path.exists("%s/%s.pid" % (self.run, name)):
            os.unlink("%s/%s.pid" % (self.run, name))

    # The namespace. --------------------------------------------------------------------------

    def enter(self):
        """Create the namespace, unless it exists."""
        if self.pid("namespace"):
            return
        mine = [] if self.root else ["--user", "--map-current-user", "--keep-caps"]
        ready = self.run + "/namespace.ready"
        if os.path.exists(ready):
            os.unlink(ready)
        child = self.start("namespace", ["unshare", "--net", *mine, "sh", "-c",
                                         'ip link set lo up && : >"$0" && exec sleep infinity', ready], wrap=False)
        end = time.monotonic() + 10
        while not os.path.exists(ready):
            if child.poll() is not None or time.monotonic() > end:
                raise Cannot("no network namespace can be made here: see %s/namespace.log" % self.run)
            time.sleep(0.02)

    def inside(self, command):
        """The command line that runs a command in the namespace."""
        pid = self.pid("namespace")
        if not pid:
            raise Cannot("the namespace is not there")
        mine = [] if self.root else ["--user", "--preserve-credentials"]
        return ["nsenter", "--target", str(pid), "--net", *mine, "--", *command]

    def call(self, command, **more):
        """Run a command in the namespace and wait; returns a CompletedProcess."""
        return subprocess.run(self.inside(command), check=False, **more)

    # The virtual environment. ----------------------------------------------------------------

    def install(self):
        """Create the virtual environment, unless it exists with the same versions."""
        stamp = self.venv + "/.skyarc"
        with open(HERE + "/constraints.txt") as file:
            wanted = file.read()
        try:
            with open(stamp) as file:
                if file.read() == wanted:
                    return
        except OSError:
            pass
        python = python311()
        shutil.rmtree(self.venv, ignore_errors=True)
        say("installing skyvern[server] %s and moto[server] %s (some minutes, once)" % (SERVER, MOTO))
        made = subprocess.run([python, "-m", "venv", self.venv], capture_output=True, text=True, check=False)
        if made.returncode:
            raise Cannot("%s cannot make a virtual environment (install python3-venv): %s"
                         % (python, last_line(made.stdout + made.stderr)))
        with open(self.run + "/pip.log", "w") as log:
            done = subprocess.run([self.python, "-m", "pip", "install", "--disable-pip-version-check",
                                   "--constraint", HERE + "/constraints.txt",
                                   "skyvern[server]==" + SERVER, "moto[server]==" + MOTO],
                                  stdout=log, stderr=subprocess.STDOUT, check=False)
        if done.returncode:
            with open(self.run + "/pip.log") as log:
                raise Cannot("the package registry is not to be had, or lacks a package: %s" % last_line(log.read()))
        with open(stamp, "w") as file:
            file.write(wanted)

    # The database. ---------------------------------------------------------------------------

    def postgres(self, program):
        found = sorted(glob.glob("/usr/lib/postgresql/*/bin/" + program))
        if not found:
            raise Cannot("there is no PostgreSQL: install postgresql (scripts/install-deps real)")
        return found[-1]

    def as_owner(self):
        return {"user": self.owner.pw_uid, "group": self.owner.pw_gid, "extra_groups": []} if self.root else {}

    def start_database(self):
        if self.pid("database"):
            return
        if not os.path.exists(self.database + "/PG_VERSION"):
            made = subprocess.run([self.postgres("initdb"), "-D", self.database, "-U", "postgres", "-A", "trust",
                                   "-E", "UTF8", "--locale", "C.UTF-8", "--no-sync"], cwd="/", capture_output=True,
                                  text=True, check=False, **self.as_owner())
            if made.returncode:
                raise Cannot("initdb: " + last_line(made.stderr))
        command = [self.postgres("postgres"), "-D", self.database, "-p", str(DB_PORT), "-h", "127.0.0.1",
                   "-k", self.database, "-c", "fsync=off", "-c", "synchronous_commit=off",
                   "-c", "full_page_writes=off", "-c", "max_connections=200", "-c", "shared_buffers=64MB"]
        if self.root:
            command = ["setpriv", "--reuid", str(self.owner.pw_uid), "--regid", str(self.owner.pw_gid),
                       "--clear-groups", *command]
        self.start("database", command, cwd="/")
        self.wait_for(DB_PORT, "database", 300)
        end = time.monotonic() + 30
        while self.call([self.postgres("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(DB_PORT)]).returncode:
            if time.monotonic() > end:
                raise Cannot("the database does not answer: see %s/database.log" % self.run)
            time.sleep(0.1)

    def sql_tool(self, program, *args):
        """Run a PostgreSQL client program (createdb, dropdb, psql); returns its output."""
        done = self.call([self.postgres(program), "-h", "127.0.0.1", "-p", str(DB_PORT), "-U", "postgres", *args],
                         capture_output=True, text=True)
        if done.returncode:
            raise Cannot("%s: %s" % (program, last_line(done.stderr)))
        return done.stdout

    def migrate(self):
        """Create the template database with the migration of the skyvern package, unless it exists."""
        stamp = self.top + "/migrated"
        if os.path.exists(stamp) and open(stamp).read() == SERVER and self.has_database(TEMPLATE):
            return
        say("migrating the database (about two minutes, once)")
        self.sql_tool("dropdb", "--if-exists", "--force", TEMPLATE)
        self.sql_tool("createdb", TEMPLATE)
        code = "from skyvern.utils import migrate_db; migrate_db()"
        with open(self.run + "/migrate.log", "w") as log:
            done = self.call([self.python, "-c", code], env=self.env("local", TEMPLATE), cwd=self.folder("local"),
                             stdout=log, stderr=log)
        if done.returncode:
            raise Cannot("the migration failed: see %s/migrate.log" % self.run)
        with open(stamp, "w") as file:
            file.write(SERVER)

    def has_database(self, name):
        listed = self.sql_tool("psql", "-At", "-l")
        return any(line.split("|")[0] == name for line in listed.splitlines())

    # The configurations. ---------------------------------------------------------------------

    def folder(self, config):
        path = "%s/%s" % (self.top, config)
        os.makedirs(path, exist_ok=True)
        return path

    def url(self, config):
        return "http://127.0.0.1:%d" % (API_PORT + CONFIGS.index(config))

    def env(self, config, database=None):
        """The server's environment: only locale and time zone are the caller's; telemetry is off."""
        folder = self.folder(config)
        kept = {name: os.environ[name] for name in ("LANG", "LC_ALL", "TZ") if name in os.environ}
        env = {
            **kept, "PATH": self.venv + "/bin:/usr/bin:/bin", "HOME": folder, "TMPDIR": folder,
            "PYTHONDONTWRITEBYTECODE": "1",
            "DATABASE_STRING": "postgresql+psycopg://postgres@127.0.0.1:%d/%s" % (DB_PORT, database or config),
            "ENV": "local", "SKYVERN_TELEMETRY": "false", "OTEL_ENABLED": "false", "LOG_LEVEL": "WARNING",
            "SKYVERN_BASE_URL": self.url(config), "SKYVERN_APP_URL": "http://127.0.0.1:8080",
            "PORT": str(API_PORT + CONFIGS.index(config)),
            "ARTIFACT_STORAGE_PATH": folder + "/artifacts", "DOWNLOAD_PATH": folder + "/downloads",
            "TEMP_PATH": folder + "/temp", "LOG_PATH": folder + "/log", "VIDEO_PATH": folder + "/video",
            "HAR_PATH": folder + "/har", "BROWSER_SESSION_BASE_PATH": folder + "/sessions",
            "ENABLE_WORKFLOW_SCHEDULES": "false", "PERSISTENT_SESSIONS_REAPER_INTERVAL_SECONDS": "0",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True", "DO_NOT_TRACK": "1", "ANONYMIZED_TELEMETRY": "false",
            "SECRET_KEY": "real-skyvern-test-secret-of-more-than-32-bytes",
        }
        if config.startswith("s3"):
            env.update({"SKYVERN_STORAGE_TYPE": "s3", "AWS_ENDPOINT_URL": "http://127.0.0.1:%d" % S3_PORT,
                        "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing",
                        "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1",
                        "AWS_EC2_METADATA_DISABLED": "true"})
            for bucket in ("ARTIFACTS", "SCREENSHOTS", "BROWSER_SESSIONS", "UPLOADS"):
                env["AWS_S3_BUCKET_" + bucket] = "%s-%s" % (config, bucket.lower().replace("_", "-"))
        if config.endswith("-signed"):
            env["ARTIFACT_CONTENT_HMAC_KEYRING"] = KEYRING
        return env

    def start_storage(self):
        """Start the object store (moto), which keeps its objects in memory."""
        if not self.pid("storage"):
            self.start("storage", [self.venv + "/bin/moto_server", "-H", "127.0.0.1", "-p", str(S3_PORT)],
                       env=self.env("s3"), cwd=self.folder("s3"))
        self.wait_for(S3_PORT, "storage", 300)

    def fill(self, config, what="base"):
        """Run fill.py for a configuration; returns the content of made.json or many.json."""
        folder = self.folder(config)
        with open("%s/fill-%s.log" % (self.run, config), "wb") as log:
            done = self.call([self.python, HERE + "/fill.py", folder, what], env=self.env(config), cwd=folder,
                             stdout=log, stderr=log)
        if done.returncode:
            raise Cannot("filling %s failed: see %s/fill-%s.log" % (config, self.run, config))
        with open("%s/%s.json" % (folder, "many" if what == "many" else "made")) as file:
            return json.load(file)

    def refill(self, config):
        """Empty the database and the folder of a configuration, and fill them again."""
        self.stop("server-" + config)
        self.sql_tool("dropdb", "--if-exists", "--force", config)
        self.sql_tool("createdb", "-T", TEMPLATE, config)
        shutil.rmtree(self.folder(config))
        self.folder(config)
        return self.fill(config)

    def requests(self, config):
        """Path of the server's request log."""
        return self.folder(config) + "/requests.log"

    def start_server(self, config):
        if self.pid("server-" + config):
            return
        port = str(API_PORT + CONFIGS.index(config))
        env = dict(self.env(config), REAL_REQUESTS=self.requests(config))
        self.start("server-" + config, [self.venv + "/bin/uvicorn", "--app-dir", HERE, "--factory", "served:make",
                                        "--host", "127.0.0.1", "--port", port, "--no-access-log"],
                   env=env, cwd=self.folder(config))
        self.wait_for(int(port), "server-" + config, 600)

    def wait_for(self, port, name, patience):
        """Wait until a port in the namespace accepts connections."""
        code = "import socket,sys; socket.create_connection(('127.0.0.1', int(sys.argv[1])), 1).close()"
        end = time.monotonic() + patience
        while self.call([sys.executable, "-S", "-c", code, str(port)], capture_output=True).returncode:
            if not self.pid(name) or time.monotonic() > end:
                raise Cannot("the %s did not start: see %s/%s.log" % (name, self.run, name))
            time.sleep(0.2)


def start_time(pid):
    """Start time of a process in clock ticks, or "" if it does not run; detects a reused process id."""
    try:
        with open("/proc/%d/stat" % pid) as file:
            fields = file.read().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def python311():
    for name in ("/usr/bin/python3.11", "python3.11", "/usr/bin/python3", "python3"):
        path = shutil.which(name)
        code = "import sys; sys.exit(sys.version_info[:2] != (3, 11))"
        if path and subprocess.run([path, "-c", code], check=False).returncode == 0:
            return path
    raise Cannot("Python 3.11 is not to be had")


def last_line(text):
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "no message"


def say(text):
    print("real-skyvern: " + text, file=sys.stderr, flush=True)
