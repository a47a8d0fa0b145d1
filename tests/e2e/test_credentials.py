# SPDX-License-Identifier: MIT
"""Where the keys of an object store come from, and that they are seen nowhere."""
import os
import re
import signal
import subprocess
import time

import pytest

import conftest
import credential_services
import object_store

pytestmark = pytest.mark.skipif(not object_store.program(), reason="versitygw is not here: scripts/get-versitygw")
boto3 = pytest.importorskip("boto3")
ARCHIVE = "s3://runs/a.tar.zst"
SESSION = "IQoJb3JpZ2lu/session+token=="
RETRYING = [(503, "busy"), (500, "")]


@pytest.fixture
def cloud(skyarc, env, gateway, tmp_path):
    """`list` of an archive in the bucket, without keys in the environment."""
    skyarc("pull", "-q", "-f", "-o", ARCHIVE, "tsk_demo1", check=0, **gateway.env(XDG_STATE_HOME=str(tmp_path / "state")))
    for name in [name for name in env if name.startswith("AWS_")]:
        del env[name]
    env.update(AWS_REGION=gateway.region, AWS_ENDPOINT_URL_S3=gateway.url, AWS_EC2_METADATA_DISABLED="true")

    def run(*args, check=None, address=ARCHIVE, **more):
        return skyarc(*args, "list", address, check=check, **more)

    return run


@pytest.fixture
def service():
    service = credential_services.Service()
    service.session = SESSION
    yield service
    service.close()


@pytest.fixture
def store(cloud, gateway):
    """A store that takes the service's keys; it has the same archive."""
    store = credential_services.Store(gateway.client().get_object(Bucket="runs", Key="a.tar.zst")["Body"].read())
    store.known = {object_store.KEY: (object_store.SECRET, SESSION)}
    yield store
    store.close()


@pytest.fixture
def container(service, store):
    return {"AWS_ENDPOINT_URL_S3": store.url, "AWS_CONTAINER_CREDENTIALS_FULL_URI": service.url + "/v1/credentials?id=7"}


@pytest.fixture
def instance(service, store):
    return {"AWS_ENDPOINT_URL_S3": store.url, "AWS_EC2_METADATA_SERVICE_ENDPOINT": service.url + "/", "AWS_EC2_METADATA_DISABLED": ""}


@pytest.fixture
def identity(service, store, tmp_path):
    (tmp_path / "jwt").write_text("header.pay+load/=.signature\n")
    return {"AWS_ENDPOINT_URL_S3": store.url, "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/night",
            "AWS_ENDPOINT_URL_STS": service.url, "AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "jwt")}


def unseen(text, *more):
    for secret in (object_store.SECRET, SESSION, credential_services.TOKEN, *more):
        assert secret not in text
    assert not re.search("[Ss]ignature=[0-9a-f]", text)


def write_profile(tmp_path, text, name="credentials"):
    folder = tmp_path / "home" / ".aws"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder / name


def section(title, key=object_store.KEY, secret=object_store.SECRET):
    return "[%s]\naws_access_key_id = %s\naws_secret_access_key = %s\n" % (title, key, secret)


def test_container(cloud, service, container):
    done = cloud("-v", "-v", check=0, **container)
    assert "from the container's metadata service" in done.err
    assert [(entry[0], entry[1]) for entry in service.log] == [("GET", "/v1/credentials?id=7")]
    assert "Authorization" not in service.log[0][2]
    unseen(done.err)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_container_with_a_token(cloud, service, store, tmp_path, host):
    where = {"AWS_ENDPOINT_URL_S3": store.url, "AWS_CONTAINER_CREDENTIALS_FULL_URI": service.url.replace("127.0.0.1", host)}
    done = cloud("-v", "-v", check=0, AWS_CONTAINER_AUTHORIZATION_TOKEN="Basic geheim", **where)
    assert service.log[-1][2]["Authorization"] == "Basic geheim"
    unseen(done.err, "geheim")
    (tmp_path / "token").write_text("Bearer newer\n")
    done = cloud(check=0, AWS_CONTAINER_AUTHORIZATION_TOKEN="Basic geheim",
                 AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=str(tmp_path / "token"), **where)
    assert service.log[-1][2]["Authorization"] == "Bearer newer"
    (tmp_path / "token").write_text("one\nX-Injected: two")
    done = cloud(AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=str(tmp_path / "token"), **where)
    assert done.code == 1 and "several lines" in done.err and "two" not in done.err


@pytest.mark.parametrize("change, said", [
    ({"fail": [(404, "")]}, "answered 404"),
    ({"fail": [(403, '{"code": "AccessDenied"}')]}, "answered 403"),
    ({"fail": [(500, "")] * 3}, "answered 500"),
    ({"fail": [(302, "")]}, "answered 302"),
    ({"raw": "{"}, "the metadata service"),
    ({"raw": "[]"}, "no keys in the answer"),
    ({"raw": '{"AccessKeyId": 7, "SecretAccessKey": null}'}, "no keys in the answer"),
    ({"raw": '{"AccessKeyId": "a\\r\\nb", "SecretAccessKey": "geheim"}'}, "access key ID has a character"),
    ({"raw": '{"AccessKeyId": "a", "SecretAccessKey": "%s"}' % ("geheim" * 100)}, "the secret access key is too long"),
    ({"raw": "x" * 300_000}, "larger than"),
    ({"code": "AssumeRoleUnauthorizedAccess"}, "AssumeRoleUnauthorizedAccess: said \\x1b[31mso"),
])
def test_container_answers(cloud, service, container, change, said):
    for name, value in change.items():
        setattr(service, name, value)
    done = cloud(**container)
    assert done.code == 1 and said in done.err and "the container's credentials" in done.err, done
    assert "\x1b" not in done.err and done.err.count("\n") == 1
    unseen(done.err, "geheim")


def test_busy_service(cloud, service, container):
    service.fail = list(RETRYING)
    cloud(check=0, **container)
    assert len(service.log) == 3


def test_instance(cloud, service, instance):
    done = cloud("-v", "-v", check=0, **instance)
    assert "from the instance's metadata service" in done.err
    assert [(entry[0], entry[1]) for entry in service.log] == [
        ("PUT", "/latest/api/token"), ("GET", "/latest/meta-data/iam/security-credentials/"),
        ("GET", "/latest/meta-data/iam/security-credentials/night-role")]
    assert service.log[0][2]["X-aws-ec2-metadata-token-ttl-seconds"] == "21600"
    unseen(done.err)


def test_keys_that_the_store_calls_expired(cloud, service, store, instance):
    """They are renewed, once, and the request is sent again."""
    service.keys = [("AKIAOLD", 3600), (object_store.KEY, 3600)]
    store.expired = {"AKIAOLD"}
    cloud(check=0, **instance)
    assert store.log[0] == "AKIAOLD" and set(store.log[1:]) == {object_store.KEY} and service.given == 2
    service.given, service.keys = 0, [("AKIAOLD", 3600)]
    store.log.clear()
    done = cloud(**instance)
    assert done.code == 1 and "ExpiredToken" in done.err and "get new credentials" in done.err
    assert store.log == ["AKIAOLD"] * 2


@pytest.mark.parametrize("life", [-10, 60])
def test_keys_at_the_end_of_their_life(cloud, service, instance, life):
    """They are used as long as the store takes them, and the service is not asked for each request."""
    service.keys = [(object_store.KEY, life)]
    done = cloud("-v", "-v", check=0, **instance)
    assert len(service.asked("PUT")) == 1, done


@pytest.mark.parametrize("change, said", [
    ({"tokens": False}, "there are no credentials for the object store"),
    ({"role": "none"}, None),
    ({"code": "Failed"}, "Failed: said"),
    ({"role": "x\r\ny"}, None),
])
def test_instance_answers(cloud, service, instance, change, said):
    for name, value in change.items():
        setattr(service, name, value)
    done = cloud(**instance)
    if said is None:
        assert done.code == 0, done
    else:
        assert done.code == 1 and said in done.err and done.err.count("\n") == 1, done


def test_no_instance(cloud):
    """A service that takes the connection and says nothing costs two seconds, and one line."""
    with object_store.socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        done = cloud(AWS_EC2_METADATA_DISABLED="", timeout=20,
                     AWS_EC2_METADATA_SERVICE_ENDPOINT="http://127.0.0.1:%d" % silent.getsockname()[1])
    assert done.code == 1 and done.err.count("\n") == 1, done
    assert "there are no credentials for the object store; set AWS_ACCESS_KEY_ID" in done.err


def test_web_identity(cloud, service, identity):
    done = cloud("-v", "-v", check=0, **identity)
    assert "from a web identity" in done.err
    (entry,) = service.asked("POST")
    assert credential_services.form(entry) == {
        "Action": "AssumeRoleWithWebIdentity", "Version": "2011-06-15", "RoleSessionName": "skyarc",
        "RoleArn": "arn:aws:iam::123456789012:role/night", "WebIdentityToken": "header.pay+load/=.signature"}
    unseen(done.err, "pay+load", "pay%2Bload")
    cloud(check=0, **dict(identity, AWS_ROLE_SESSION_NAME="me@here"))
    assert credential_services.form(service.log[-1])["RoleSessionName"] == "me@here"


def test_web_identity_of_a_profile(cloud, service, store, identity, tmp_path):
    write_profile(tmp_path, "[profile night]\nrole_arn = arn:x\nweb_identity_token_file = %s\nrole_session_name = s\n"
                  % identity["AWS_WEB_IDENTITY_TOKEN_FILE"], "config")
    cloud(check=0, AWS_PROFILE="night", AWS_ENDPOINT_URL_S3=store.url, AWS_ENDPOINT_URL_STS=service.url)
    form = credential_services.form(service.log[-1])
    assert form["RoleArn"] == "arn:x" and form["RoleSessionName"] == "s"


def test_a_name_from_home(cloud, service, identity, tmp_path):
    """Programs that start others set ~ in variables, which no shell has replaced."""
    (tmp_path / "home" / "jwt").write_text("short")
    (tmp_path / "home" / "keys").write_text(section("default"))
    cloud(check=0, **dict(identity, AWS_WEB_IDENTITY_TOKEN_FILE="~/jwt"))
    assert credential_services.form(service.log[-1])["WebIdentityToken"] == "short"
    cloud(check=0, AWS_SHARED_CREDENTIALS_FILE="~/keys")


def error_of_sts(code, message):
    return ("<ErrorResponse xmlns='https://sts.amazonaws.com/doc/2011-06-15/'><Error><Type>Sender</Type><Code>%s</Code>"
            "<Message>%s</Message></Error><RequestId>1</RequestId></ErrorResponse>" % (code, message))


@pytest.mark.parametrize("fail, said", [
    ([(400, error_of_sts("InvalidIdentityToken", "No provider &amp; no match"))], "400; InvalidIdentityToken: No provider & no match"),
    ([(400, error_of_sts("ExpiredTokenException", "Token expired"))], "ExpiredTokenException: Token expired"),
    ([(403, error_of_sts("AccessDenied", "Not authorized"))], "AccessDenied: Not authorized"),
    ([(400, error_of_sts("InvalidIdentityToken", "x")[:150])], "InvalidIdentityToken"),
    ([(400, "no XML")], "answered 400"),
    ([(200, "<x/>")], "the answer has no keys"),
    ([(200, "<x")], "invalid XML"),
    ([(200, "<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>")], "DOCTYPE"),
])
def test_errors_of_sts(cloud, service, identity, fail, said):
    service.fail = list(fail)
    done = cloud(**identity)
    assert done.code == 1 and said in done.err and "cannot exchange the web identity" in done.err, done
    assert done.err.count("\n") == 1
    unseen(done.err, "pay+load")


def test_order_of_the_sources(cloud, service, container, identity, tmp_path):
    """Variables, web identity, profile, container: the first that has keys, even if they are wrong."""
    wrong = {"AWS_ACCESS_KEY_ID": "AKIAWRONG", "AWS_SECRET_ACCESS_KEY": "x"}
    assert "InvalidAccessKeyId" in cloud(**dict(container, **identity, **wrong)).err
    assert not service.log
    write_profile(tmp_path, section("default", "AKIAWRONG"))
    cloud(check=0, **dict(container, **identity))
    assert [entry[0] for entry in service.log] == ["POST"]
    assert "InvalidAccessKeyId" in cloud(**container).err
    assert [entry[0] for entry in service.log] == ["POST"]


def test_no_proxy_for_services(cloud, service, container, instance):
    """Keys come by plain http: no proxy may see them."""
    for where in (container, instance):
        cloud(check=0, http_proxy="http://127.0.0.1:1", **where)


@pytest.mark.parametrize("text, more", [
    (section("default"), {}),
    ("\ufeff" + section("default").replace("\n", "\r\n"), {}),
    (section("two words"), {"AWS_PROFILE": "two words"}),
    (section("other", "AKIAWRONG") + section("default"), {}),
    ("# " + "x" * ((1 << 20) - 400) + "\n" + section("default"), {}),
], ids=["plain", "dos", "blank", "second", "large"])
def test_good_profiles(cloud, tmp_path, text, more):
    write_profile(tmp_path, text)
    done = cloud("-v", "-v", check=0, **more)
    unseen(done.err)


@pytest.mark.parametrize("text, said", [
    (section("default") + "x" * (1 << 20), "larger than 1048576 bytes"),
    (section("default").replace("\n", "\0\n"), "NUL bytes"),
    ("[default\n", "line 1: ']' is missing"),
    ("[default]\ngeheim\n", "line 2: '=' is missing"),
    ("geheim = x\n", "line 1: a section's title is missing"),
    (section("default", secret="geh eim"), "the secret access key has a character that is not allowed"),
    (section("default", secret="gehe\x1b[31mim"), "not allowed"),
    ("[default]\naws_access_key_id = geheim\n", "not aws_secret_access_key"),
    ("[default]\nregion = us-east-1\n", "there are no credentials"),
], ids=range(9))
def test_bad_profiles(cloud, tmp_path, text, said):
    write_profile(tmp_path, text)
    done = cloud("-v")
    assert done.code == 1 and said in done.err and "\x1b" not in done.err, done
    unseen(done.err, "geheim", "geh eim")


TWO = section("default", "ONE", "1") + section("lab", "TWO", "2")
REGIONS = "[default]\nregion = eu-west-1\n[profile lab]\nregion = eu-west-2\n"


@pytest.mark.parametrize("credentials, config, variables", [
    (TWO, REGIONS, {}),
    (TWO, REGIONS, {"AWS_PROFILE": "lab"}),
    (TWO, REGIONS, {"AWS_DEFAULT_PROFILE": "lab"}),
    (TWO, REGIONS, {"AWS_PROFILE": "lab", "AWS_DEFAULT_REGION": "ap-south-1"}),
    (TWO, REGIONS, {"AWS_ACCESS_KEY_ID": "ENV", "AWS_SECRET_ACCESS_KEY": "e", "AWS_SECURITY_TOKEN": "t"}),
    (TWO, section("default", "CONFIG", "c") + "aws_session_token = not this one\n", {}),
    ("", section("default", "CONFIG", "c") + "aws_session_token = T\nregion = us-west-2", {}),
    (section("lab", "ONE", "1"), section("lab", "BARE", "b") + section("profile lab", "TWO", "2") + "region = eu-north-1\n", {"AWS_PROFILE": "lab"}),
    ("", section("lab", "BARE", "b") + section("profile lab", "TWO", "2"), {"AWS_PROFILE": "lab"}),
    ("", section('profile "my lab"', "QUOTED", "q"), {"AWS_PROFILE": "my lab"}),
    (section("my lab", "PLAIN", "p"), "", {"AWS_PROFILE": "my lab"}),
    ("[default]\n  AWS_ACCESS_KEY_ID: UPPER\n  aws_secret_access_key = a=b:c\n  aws_security_token = old\n", "", {}),
    (section("default", "ONE", "1") + "region = eu-south-1\n", REGIONS, {}),
    (section("default", "ONE", "1"), "[default]\ns3 =\n  region = nested\n\n  x = y\nregion = sa-east-1\n", {}),
    ("# a comment\r\n[default]\r\n" + section("x", "DOS", "d").split("\n", 1)[1].replace("\n", "\r\n"), "", {}),
], ids=range(15))
def test_the_same_as_botocore(cloud, env, store, tmp_path, monkeypatch, credentials, config, variables):
    """botocore reads the same files and variables; the store takes only its keys, and checks the signature."""
    import botocore.session  # pylint: disable=import-outside-toplevel
    del env["AWS_REGION"]
    write_profile(tmp_path, credentials)
    write_profile(tmp_path, config, "config")
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in dict(variables, HOME=env["HOME"]).items():
        monkeypatch.setenv(name, value)
    session = botocore.session.Session()
    keys = session.get_credentials()
    store.known = {keys.access_key: (keys.secret_key, keys.token or "")}
    cloud(check=0, AWS_ENDPOINT_URL_S3=store.url, **variables)
    assert store.region == (session.get_config_variable("region") or "us-east-1")


def test_odd_files(cloud, tmp_path):
    done = cloud(AWS_SHARED_CREDENTIALS_FILE=str(tmp_path))
    assert done.code == 1 and "Is a directory" in done.err and done.err.count("\n") == 1
    done = cloud(AWS_SHARED_CREDENTIALS_FILE="/dev/null")
    assert done.code == 1 and "there are no credentials" in done.err
    done = cloud(AWS_SHARED_CREDENTIALS_FILE="-")
    assert done.code == 1 and "there are no credentials" in done.err
    done = cloud(AWS_PROFILE="no\x1b[31mne")
    assert done.code == 1 and "there is no profile" in done.err and "\x1b" not in done.err


def test_a_fifo(cloud, env, tmp_path):
    """The shell's <(command) is one; one without a writer is waited for until the user stops."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    writer = subprocess.Popen(["sh", "-c", 'printf "%s" "$1" >"$2"', "sh", section("default"), fifo])
    cloud(check=0, AWS_SHARED_CREDENTIALS_FILE=str(fifo))
    assert writer.wait(10) == 0
    with subprocess.Popen([conftest.SKYARC, "list", ARCHIVE], env=dict(env, AWS_SHARED_CREDENTIALS_FILE=str(fifo)),
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        time.sleep(0.5)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
        assert process.returncode not in (0, None)


def test_settings_of_a_profile(cloud, env, gateway, tmp_path):
    """Region, endpoint and style come from the config file, the endpoint also from a section of services."""
    for name in ("AWS_REGION", "AWS_ENDPOINT_URL_S3"):
        del env[name]
    write_profile(tmp_path, section("lab"))
    config = "[profile lab]\nregion = %s\nendpoint_url = %s\ns3 =\n  addressing_style = path\n"
    write_profile(tmp_path, config % (gateway.region, gateway.url), "config")
    cloud(check=0, AWS_PROFILE="lab")
    write_profile(tmp_path, config % (gateway.region, "http://127.0.0.1:1") + "services = local\n[services local]\ns3 =\n"
                  "  endpoint_url = " + gateway.url + "\n", "config")
    cloud(check=0, AWS_PROFILE="lab")
    done = cloud(AWS_PROFILE="lab", AWS_ENDPOINT_URL="http://127.0.0.1:1", AWS_S3_ADDRESSING_STYLE="path")
    assert done.code == 1 and "127.0.0.1:1" in done.err
    done = cloud(AWS_PROFILE="lab", AWS_S3_ADDRESSING_STYLE="odd")
    assert done.code == 1 and "'odd' is no addressing style of an object store" in done.err


@pytest.mark.parametrize("url, said", [
    ("http://user:geheim@127.0.0.1", "the endpoint must be a URL like"),
    ("http://geheim@127.0.0.1", "the endpoint must be a URL like"),
    ("http://127.0.0.1/?key=geheim", "the endpoint must be a URL like"),
    ("ftp://geheim", "the endpoint must be a URL like"),
])
def test_endpoints_with_secrets(cloud, url, said):
    done = cloud("-v", "-v", AWS_ENDPOINT_URL_S3=url, AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="b")
    assert done.code == 1 and said in done.err and "geheim" not in done.err, done


def test_forms_of_an_endpoint(cloud, gateway):
    keys = gateway.env()
    del keys["AWS_ENDPOINT_URL"]
    for url in (gateway.url + "//", gateway.url.replace("127.0.0.1", "127.1"), gateway.url.replace("127.0.0.1", "LOCALHOST")):
        cloud(check=0, AWS_ENDPOINT_URL_S3=url, **keys)
    done = cloud(AWS_S3_ADDRESSING_STYLE="virtual", AWS_ENDPOINT_URL_S3=gateway.url.replace("127.0.0.1", "localhost"), **keys)
    assert done.code == 1 and "runs.localhost" in done.err, "the bucket is a part of the host's name"


def test_an_address_of_ipv6(cloud, store):
    try:
        six = credential_services.Store(store.body, "::1")
    except OSError:
        pytest.skip("there is no ::1 here")
    try:
        six.known = {object_store.KEY: (object_store.SECRET, "")}
        for url in (six.url, six.url + "/with/a/path/", six.url.replace("[::1]", "[0:0::1]")):
            cloud(check=0, AWS_ENDPOINT_URL_S3=url, AWS_ACCESS_KEY_ID=object_store.KEY, AWS_SECRET_ACCESS_KEY=object_store.SECRET)
    finally:
        six.close()


KEYS = ["plain.tar", "a b.tar", "a+b.tar", "a%20b.tar", "\u00e4/\u00f6.tar", "what?x=y&z.tar", "x#y.tar", "(x)!*'.tar", "a:b@c,d;e$f.tar",
        " lead.tar", "trail ", "\u65e5\u672c.tar", "..a/b...tar", "~user.tar", '"q".tar', "back\\slash.tar", "%.tar", "[x]{y}|^`.tar"]


def test_names_of_keys(skyarc, cloud, gateway, tmp_path):
    """What boto3 writes under a name is read under the same name, and the other way round."""
    s3 = gateway.client()
    body = s3.get_object(Bucket="runs", Key="a.tar.zst")["Body"].read()
    more = gateway.env(XDG_STATE_HOME=str(tmp_path / "state"))
    for key in KEYS:
        s3.put_object(Bucket="runs", Key="boto/" + key, Body=body)
        cloud(check=0, address="s3://runs/boto/" + key, **more)
    for key in KEYS[:8]:
        skyarc("pull", "-q", "-o", "s3://runs/ours/" + key + ".tar.zst", "tsk_demo1", check=0, **more)
    found = {entry["Key"] for entry in s3.list_objects_v2(Bucket="runs", Prefix="ours/")["Contents"]}
    assert found == {"ours/" + key + ".tar.zst" for key in KEYS[:8]}


@pytest.mark.parametrize("key", ["a//b.tar", "/b.tar", "a/../b.tar", "a/./b.tar", "a\nb.tar", "a\x7f.tar"])
def test_names_that_are_refused(cloud, gateway, key):
    done = cloud(address="s3://runs/" + key, **gateway.env())
    assert done.code in (1, 2) and "the key has an empty part" in done.err and "\x7f" not in done.err, done


def test_a_bucket_with_dots(skyarc, cloud, gateway):
    s3 = gateway.client()
    body = s3.get_object(Bucket="runs", Key="a.tar.zst")["Body"].read()
    s3.create_bucket(Bucket="my.runs.2026")
    s3.put_object(Bucket="my.runs.2026", Key="a.tar.zst", Body=body)
    cloud(check=0, address="s3://my.runs.2026/a.tar.zst", **gateway.env())


def test_secrets_of_a_process(cloud, env, service, container):
    """Its arguments have none, and it can neither be traced nor dump its memory."""
    service.fail = list(RETRYING)
    env.update(container, HOME="/nonexistent")
    user = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
    with subprocess.Popen([conftest.SKYARC, "-v", "-v", "list", ARCHIVE], env=env, stdin=subprocess.DEVNULL, cwd="/",
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, **user) as process:
        end = time.monotonic() + 20
        while not service.log and process.poll() is None and time.monotonic() < end:
            time.sleep(0.01)
        with open("/proc/%d/cmdline" % process.pid, "rb") as file:
            unseen(file.read().decode())
        if not conftest.SANITIZED:  # what may not be dumped belongs to root in /proc
            assert os.stat("/proc/%d/mem" % process.pid).st_uid == 0
        said = process.communicate(timeout=30)[1].decode()
        assert process.returncode == 0, said
        unseen(said)


@pytest.fixture(scope="module")
def secured(tmp_path_factory):
    folder = tmp_path_factory.mktemp("secured")
    cert, _ = conftest.certificate(folder, "localhost", "DNS:localhost,DNS:runs.localhost,IP:127.0.0.1,IP:::1")
    gateway = object_store.Gateway(folder / "store", cert=cert, key=str(folder / "key.pem"))
    yield gateway, cert
    gateway.close()


def test_tls(skyarc, cloud, gateway, secured, tmp_path):
    store, cert = secured
    keys = store.env(AWS_CA_BUNDLE=cert, AWS_ENDPOINT_URL_S3=store.url, XDG_STATE_HOME=str(tmp_path / "state"))
    skyarc("pull", "-q", "-f", "-o", ARCHIVE, "tsk_demo1", check=0, **keys)
    cloud(check=0, **keys)
    cloud(check=0, **dict(keys, AWS_ENDPOINT_URL_S3=store.url.replace("127.0.0.1", "localhost")))
    other = tmp_path / "other"
    other.mkdir()
    wrong, _ = conftest.certificate(other, "localhost", "IP:127.0.0.1")
    for bundle, said in ((wrong, "certificate"), ("", "certificate"), (str(tmp_path / "absent"), "absent")):
        done = cloud(**dict(keys, AWS_CA_BUNDLE=bundle))
        assert done.code == 1 and said in done.err and done.err.count("\n") == 1, done
        unseen(done.err)
