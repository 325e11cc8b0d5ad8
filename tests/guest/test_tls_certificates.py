# SPDX-License-Identifier: GPL-2.0-or-later
"""Whom kftp believes: certificates that are wrong in one way each, and pins, are refused before a name or password is
sent; what lets them pass does; and the certificates that a server wants of its clients."""
import pytest

from servers.real import ALL
from support import names, same_bytes, wait_until, write_pattern
from tls_guest import Settings, check_connections, first_in_fast, needs_tls, settings

pytestmark = needs_tls

#: what is wrong with a certificate, and what the message must say of it
WRONG = {
    "wrong-host": 'is not for "127.0.0.1" but for elsewhere.example',
    "expired": "has expired on ",
    "not-yet-valid": "is not valid before ",
    "unknown-authority": 'was issued by "CN=Authority that nobody knows", who is not trusted here',
    "self-signed": "is self-signed",
}

#: one shows what there is to see: the certificate is looked at by kftp
SERVERS = first_in_fast(ALL)
#: with TLS 1.3 the client has done its part when the server looks at the client's certificate: the harder case
VERSIONS = first_in_fast(["1.3", "1.2"])


@pytest.fixture
def download(servers, home, kftp, target):
    """download(SERVER, OPTION...) of a small file."""
    write_pattern(home / "file", 1000)

    def run(server, *chosen, host="", **keywords):
        chosen = [*chosen, *([] if server.tls.implicit else ["--tls=require"])]
        return kftp.get(*chosen, server.url("file", host), **keywords)

    return run


@pytest.fixture
def with_certificate(servers):
    """make(NAME, CERTIFICATE): a server that shows it."""
    return lambda name, certificate, **more: servers.get(name, Settings(certificate.pem, **more))


def check_refused(failed, server, mark, target):
    """Exit status 10, one line that says where, and nothing secret has been sent: not even a name."""
    failed.assert_failed(10)
    assert f":{server.port}" in failed.stderr
    assert server.tls_requests(mark) == (0 if server.tls.implicit else 1), "not tried, or tried again though nothing will be different"
    said = server.commands(mark)
    assert not [line for line in said if line.split()[0] in ("USER", "PASS", "ACCT")], said
    assert names(target) == []


def check_done(done, home, target):
    done.assert_done()
    assert same_bytes(home / "file", target / "file")


# ---- certificates that are refused

@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("name", SERVERS)
def test_a_bad_certificate_is_refused(name, wrong, with_certificate, certificates, download, target):
    server = with_certificate(name, certificates.bad[wrong])
    mark = server.mark()
    failed = download(server, f"--ca={certificates.ca}", retries=3)
    check_refused(failed, server, mark, target)
    assert WRONG[wrong] in failed.stderr
    # where there is something to be seen, this log shows it
    download(server, "--insecure").assert_done()
    wait_until(lambda: any(line.startswith("USER") for line in server.commands(mark)), "the server's log has no USER")


@pytest.mark.parametrize("wrong", first_in_fast(["self-signed", "wrong-host", "expired", "not-yet-valid", "unknown-authority"]))
def test_insecure_takes_it_and_says_so(wrong, with_certificate, certificates, download, home, target):
    server = with_certificate("vsftpd", certificates.bad[wrong])
    mark = server.mark()
    done = download(server, "--insecure")
    check_done(done, home, target)
    check_connections(server, mark, 1)
    assert done.stderr.count("\n") == 1 and "--insecure" in done.stderr


@pytest.mark.parametrize("implicit", first_in_fast([True, False]))
def test_the_roots_of_the_system_do_not_know_the_authority(implicit, servers, certificates, download, target):
    server = servers.get("vsftpd", settings(certificates, implicit=implicit))
    mark = server.mark()
    check_refused(download(server), server, mark, target)


def test_a_self_signed_certificate_that_is_trusted(with_certificate, certificates, download, home, target):
    trusted = certificates.bad["self-signed"]
    check_done(download(with_certificate("vsftpd", trusted), f"--ca={trusted.certificate}"), home, target)


def test_the_certificate_is_for_the_host_of_the_url(with_certificate, certificates, download, target):
    """Of localhost only: its address is another name, also if both lead to the same server."""
    server = with_certificate("vsftpd", certificates.only_localhost)
    mark = server.mark()
    check_refused(download(server, f"--ca={certificates.ca}"), server, mark, target)
    download(server, f"--ca={certificates.ca}", host="localhost").assert_done()


@pytest.mark.parametrize("host", first_in_fast(["[::1]", "127.0.0.1", "localhost", "guest"]))
def test_every_name_of_the_certificate_is_good(host, servers, certificates, download, home, target):
    check_done(download(servers.get("vsftpd", settings(certificates)), f"--ca={certificates.ca}", host=host), home, target)


# ---- pins

def test_a_wrong_pin_is_refused(servers, certificates, download, target):
    server = servers.get("vsftpd", settings(certificates))
    mark = server.mark()
    failed = download(server, f"--ca={certificates.ca}", f"--pin={certificates.other_key.pin}")
    check_refused(failed, server, mark, target)
    assert "pin" in failed.stderr


def test_a_wrong_pin_is_refused_of_a_server_that_is_not_verified(servers, certificates, download, target):
    server = servers.get("vsftpd", settings(certificates))
    mark = server.mark()
    failed = download(server, "--insecure", f"--pin={certificates.other_key.pin}")
    assert "pin" in failed.stderr and failed.status == 10
    assert not [line for line in server.commands(mark) if line.startswith("USER")]
    assert names(target) == []


def test_the_right_pin_does_not_replace_verification(with_certificate, certificates, download, target):
    expired = certificates.bad["expired"]
    server = with_certificate("vsftpd", expired)
    mark = server.mark()
    check_refused(download(server, f"--ca={certificates.ca}", f"--pin={expired.pin}"), server, mark, target)


@pytest.mark.parametrize("chosen", first_in_fast(["{ca} --pin={other};{good}", "{ca} --pin={good}", "--insecure --pin={good}"]))
def test_the_right_pin_passes(chosen, servers, certificates, download, home, target):
    chosen = chosen.format(ca=f"--ca={certificates.ca}", good=certificates.good.pin, other=certificates.other_key.pin)
    check_done(download(servers.get("vsftpd", settings(certificates)), *chosen.split()), home, target)


# ---- clients' certificates

@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", SERVERS)
def test_a_client_certificate_is_shown(name, version, servers, certificates, download, home, target):
    server = servers.get(name, settings(certificates, client_ca=certificates.ca, version=version))
    mark = server.mark()
    ours = certificates.client
    check_done(download(server, f"--ca={certificates.ca}", f"--cert={ours.certificate}", f"--key={ours.key}"), home, target)
    check_connections(server, mark, 1)
    (target / "file").unlink()
    check_done(download(server, f"--ca={certificates.ca}", f"--cert={ours.pem}"), home, target)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", SERVERS)
def test_a_client_certificate_that_is_missing(name, version, servers, certificates, download, target):
    server = servers.get(name, settings(certificates, client_ca=certificates.ca, version=version))
    failed = download(server, f"--ca={certificates.ca}").assert_failed(10)
    assert f":{server.port}" in failed.stderr and "certificate" in failed.stderr
    assert names(target) == []


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", SERVERS)
def test_a_client_certificate_from_somebody_else(name, version, servers, certificates, download, target):
    server = servers.get(name, settings(certificates, client_ca=certificates.ca, version=version))
    failed = download(server, f"--ca={certificates.ca}", f"--cert={certificates.strange_client.pem}").assert_failed(10)
    assert f":{server.port}" in failed.stderr
    assert names(target) == []


def test_a_key_that_others_may_read_is_not_used(servers, certificates, download, tmp_path, target):
    loose = tmp_path / "loose.pem"
    loose.write_bytes(certificates.client.pem.read_bytes())
    loose.chmod(0o644)
    server = servers.get("vsftpd", settings(certificates))
    mark = server.mark()
    failed = download(server, f"--ca={certificates.ca}", f"--cert={loose}").assert_failed(2)
    assert str(loose) in failed.stderr and "chmod" in failed.stderr
    assert server.commands(mark) == [] and names(target) == []
