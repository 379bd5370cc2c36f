"""The ways to a service that kfp.Client knows, each on a real socket."""

import json
import ssl

import pytest
import yaml

from pipeline_tools.errors import InputError
from pipeline_tools.submit import Access, ServiceError, submit
from tests.pipeline_tools.submit.double import Double, refused, serve
from tests.pipeline_tools.submit.test_submit import two_steps


@pytest.fixture
def secure(tmp_path):
    """A service with a certificate of an authority that nobody knows; the authority's file."""
    trustme = pytest.importorskip("trustme")
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    double = Double()
    server, stop = serve(double, context)
    double.url = f"https://127.0.0.1:{server.server_port}"
    yield double, tmp_path / "ca.pem"
    stop()
    assert double.problems == []


def test_a_certificate_authority_of_ones_own(secure):
    double, authority = secure
    assert submit(two_steps, access=Access(double.url, ssl_ca_cert=authority)).ids["run"] in double.runs
    with pytest.raises(ServiceError, match="CERTIFICATE_VERIFY_FAILED"):
        submit(two_steps, access=Access(double.url))


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_a_certificate_that_is_not_checked(secure):
    double, _ = secure
    assert submit(two_steps, access=Access(double.url, verify_ssl=False)).ids["run"] in double.runs


def test_a_proxy(double):
    done = submit(two_steps, access=Access("http://pipelines.invalid", proxy=double.url))
    assert done.links["run"].startswith("http://pipelines.invalid/#/runs/")
    assert {headers["Host"] for headers in double.headers} == {"pipelines.invalid"}


def test_a_proxys_password_is_not_said(double):
    double.intercept = lambda *_: (_ for _ in ()).throw(refused(407, "not with s3cret-pass"))
    proxy = double.url.replace("http://", "http://me:s3cret-pass@")
    with pytest.raises(ServiceError, match=r"HTTP 407: not with \*\*\*"):
        submit(two_steps, access=Access("http://pipelines.invalid", proxy=proxy))


def test_identity_aware_proxy(double, tmp_path, monkeypatch):
    """A person has agreed once; kfp keeps the refresh token, and asks for an ID token for this client."""
    saved = {"iap": {"refresh_token": "refresh-1", "other_client_id": "desktop", "other_client_secret": "desk-secret"}}
    (tmp_path / "credentials.json").write_text(json.dumps(saved))
    monkeypatch.setattr("kfp.client.auth.LOCAL_KFP_CREDENTIAL", str(tmp_path / "credentials.json"))
    monkeypatch.setattr("kfp.client.auth.OAUTH_TOKEN_URI", f"{double.url}/oauth2/token")
    double.token = "id-token-of-iap"
    access = Access(double.url, client_id="iap", other_client_id="desktop", other_client_secret="desk-secret")
    assert submit(two_steps, access=access).ids["run"] in double.runs
    assert double.forms[0]["audience"] == "iap"
    double.intercept = lambda _method, _path, headers: (_ for _ in ()).throw(refused(403, headers["Authorization"]))
    with pytest.raises(ServiceError, match=r"HTTP 403: Bearer \*\*\*"):
        submit(two_steps, access=access)


@pytest.fixture
def kubeconfig(double, tmp_path, monkeypatch):
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": double.url}}],
        "users": [{"name": "u", "user": {"token": "kube-token-1"}}],
        "contexts": [{"name": "mine", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "mine",
    }
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(config))
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(path))


def test_the_kubernetes_api(double, kubeconfig):
    double.token = "kube-token-1"
    done = submit(two_steps, access=Access(kube_context="mine"))
    assert done.ids["run"] in double.runs
    assert set(done.links.values()) == {""}
    assert done.location == done.ids["run"]
    double.intercept = lambda *_: (_ for _ in ()).throw(refused(403, "not with kube-token-1"))
    with pytest.raises(ServiceError, match=r"not with \*\*\*"):
        submit(two_steps, access=Access(kube_context="mine"))


def test_a_context_that_there_is_not(double, kubeconfig):
    with pytest.raises(InputError, match="--kube-context yours: the kubeconfig has mine"):
        submit(two_steps, access=Access(kube_context="yours"))
    assert double.requests == []


def test_no_kubeconfig(monkeypatch, tmp_path):
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "none"))
    with pytest.raises(InputError, match="--kube-context mine: Invalid kube-config"):
        submit(two_steps, access=Access(kube_context="mine"))


def test_a_cookie_that_kfp_keeps_in_its_context_is_sent_and_not_said(double, tmp_path, monkeypatch):
    context = {"namespace": "", "client_authentication_cookie": "kept=cookie-55aa"}
    (tmp_path / "context.json").write_text(json.dumps(context))
    monkeypatch.setattr("kfp.Client._LOCAL_KFP_CONTEXT", str(tmp_path / "context.json"))
    double.intercept = lambda _method, _path, headers: (_ for _ in ()).throw(refused(401, headers["Cookie"]))
    with pytest.raises(ServiceError, match=r"HTTP 401: \*\*\* "):
        submit(two_steps, access=Access(double.url))
