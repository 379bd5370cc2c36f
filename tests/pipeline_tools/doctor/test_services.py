"""Google's services, a registry, and Kubeflow Pipelines, each played by a server that speaks its documented REST."""

from __future__ import annotations

import base64
import json

import pytest

from pipeline_tools.doctor import Level
from pipeline_tools.doctor.endpoint import check_endpoint
from pipeline_tools.doctor.google import APIS, BUCKET_PERMISSIONS, PERMISSIONS, check_project
from pipeline_tools.doctor.registry import check_image
from pipeline_tools.errors import InputError

USAGE = "/serviceusage.googleapis.com/v1/projects/p/services:batchGet"
RIGHTS = "/cloudresourcemanager.googleapis.com/v3/projects/p:testIamPermissions"
BUCKET = "/storage.googleapis.com/storage/v1/b/b"


@pytest.fixture
def google(redirected, tmp_path, monkeypatch):
    """Google's services for the project p and the bucket b, where everything is right."""
    account = {
        "type": "authorized_user",
        "client_id": "made-up",
        "client_secret": "made-up",
        "refresh_token": "made-up",
    }
    (tmp_path / "user.json").write_text(json.dumps(account))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "user.json"))
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "p")
    enabled = [{"name": f"projects/1/services/{api}", "state": "ENABLED"} for api in APIS]
    redirected.answers.update(
        {
            ("POST", "/oauth2.googleapis.com/token"): (200, {"access_token": "made-up-token", "expires_in": 3600}),
            ("GET", USAGE): (200, {"services": enabled}),
            ("POST", RIGHTS): lambda request: (200, {"permissions": request["body"]["permissions"]}),
            ("GET", f"{BUCKET}/iam/testPermissions"): lambda asked: (
                200,
                {"permissions": asked["query"]["permissions"]},
            ),
            ("GET", BUCKET): (200, {"location": "US-CENTRAL1"}),
        }
    )
    return redirected


@pytest.mark.filterwarnings("ignore:Your application has authenticated using end user credentials")
class TestProject:
    def test_all_is_right(self, google):
        found = list(check_project("p", "gs://b/models"))
        assert {each.level for each in found} == {Level.OK}
        assert found[-1].text.startswith("gs://b in US-CENTRAL1")
        asked = {request["path"]: request for request in google.asked}
        assert asked[USAGE]["query"]["names"] == [f"projects/p/services/{api}" for api in APIS]
        assert asked[RIGHTS]["body"] == {"permissions": list(PERMISSIONS)}
        assert asked[RIGHTS]["headers"]["Authorization"] == "Bearer made-up-token"
        assert asked[f"{BUCKET}/iam/testPermissions"]["query"]["permissions"] == list(BUCKET_PERMISSIONS)

    def test_what_is_off_or_missing_is_named_with_the_command(self, google):
        states = [{"name": f"projects/1/services/{api}", "state": "ENABLED"} for api in list(APIS)[1:]]
        google.answers["GET", USAGE] = (200, {"services": states})
        google.answers["POST", RIGHTS] = (200, {"permissions": [p for p in PERMISSIONS if "dataflow" not in p]})
        google.answers["GET", f"{BUCKET}/iam/testPermissions"] = (200, {"permissions": ["storage.objects.get"]})

        apis, rights, bucket = check_project("p", "b")
        assert apis.remedy == f"gcloud services enable {next(iter(APIS))} --project p"
        assert rights.text.startswith("you lack dataflow.jobs.create, dataflow.jobs.get")
        assert rights.remedy.endswith("--role=roles/dataflow.developer")
        assert bucket.level is Level.WRONG
        assert "storage.objects.create, storage.objects.delete, storage.objects.list" in bucket.text

    def test_refusals_are_in_googles_words(self, google):
        error = {"error": {"message": "Project 'p' not found or deleted."}}
        google.answers["GET", USAGE] = google.answers["POST", RIGHTS] = (403, error)
        google.answers["GET", f"{BUCKET}/iam/testPermissions"] = (404, {})

        apis, rights, bucket = check_project("p", "b")
        assert (apis.level, rights.level, bucket.level) == (Level.ADVICE, Level.WRONG, Level.WRONG)
        assert "403: Project 'p' not found or deleted." in rights.text
        assert bucket.text == "gs://b does not exist"

    def test_credentials_that_are_refused_or_missing(self, google, monkeypatch, tmp_path):
        google.answers["POST", "/oauth2.googleapis.com/token"] = (
            400,
            {"error": "invalid_grant", "error_description": "Token revoked."},
        )
        (found,) = check_project("p", "")
        assert (found.subject, found.level) == ("credentials", Level.WRONG)
        assert "Token revoked" in found.text

        monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS")
        monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
        monkeypatch.setenv("NO_GCE_CHECK", "true")
        (found,) = check_project("p", "")
        assert (found.subject, found.text) == ("credentials", "no Google Cloud credentials found")


class TestImage:
    def test_an_image_without_a_registry(self):
        (found,) = check_image("taxi-pipeline-python:0.1.0")
        assert found.level is Level.WRONG
        assert "names no registry" in found.text

    def test_a_name_that_is_none(self):
        with pytest.raises(InputError, match="must be registry/name:tag"):
            list(check_image("host:5000/Not A Name"))

    def test_an_open_registry(self, service):
        path = "/v2/team/taxi/manifests/1"
        service.answers["HEAD", path] = (200, {}, {"Docker-Content-Digest": "sha256:abc"})
        (found,) = check_image(f"{service.address}/team/taxi:1")
        assert found.level is Level.OK
        assert "sha256:abc" in found.text
        assert "application/vnd.oci.image.index.v1+json" in service.asked[0]["headers"]["Accept"]

        (found,) = check_image(f"{service.address}/team/taxi:2")
        assert found.level is Level.WRONG
        assert "has no team/taxi:2" in found.text

    def test_a_tag_that_changes_is_advised_against(self, service):
        service.answers["HEAD", "/v2/taxi/manifests/latest"] = (200, {})
        assert [each.level for each in check_image(f"{service.address}/taxi")] == [Level.OK, Level.ADVICE]

    def test_a_token_is_fetched_as_the_registry_says(self, service, tmp_path, monkeypatch):
        wanted = f'Bearer realm="http://{service.address}/token",service="registry",scope="repository:taxi:pull"'

        def manifest(request):
            if request["headers"].get("Authorization") == "Bearer for-taxi":
                return 200, {}
            return 401, {}, {"WWW-Authenticate": wanted}

        def token(request):
            assert request["query"] == {"service": ["registry"], "scope": ["repository:taxi:pull"]}
            known = base64.b64encode(b"me:made-up").decode()
            return (
                (200, {"token": "for-taxi"})
                if request["headers"].get("Authorization") == f"Basic {known}"
                else (401, {})
            )

        service.answers.update({("HEAD", "/v2/taxi/manifests/1"): manifest, ("GET", "/token"): token})
        monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
        (found,) = check_image(f"{service.address}/taxi:1")
        assert found.level is Level.WRONG
        assert found.remedy.startswith(f"docker login {service.address}")

        auth = {"auths": {service.address: {"auth": base64.b64encode(b"me:made-up").decode()}}}
        (tmp_path / "config.json").write_text(json.dumps(auth))
        (found,) = check_image(f"{service.address}/taxi:1")
        assert found.level is Level.OK

    def test_a_registry_that_is_not_there(self):
        (found,) = check_image("127.0.0.1:1/taxi:1")
        assert "does not answer" in found.text


class TestEndpoint:
    HEALTH = "/apis/v2beta1/healthz"

    def levels(self, service, **options):
        return {each.subject: each for each in check_endpoint(f"http://{service.address}/#/pipelines", **options)}

    def test_the_ui_tells_the_version(self, service):
        service.answers["GET", self.HEALTH] = (200, {"apiServerTagName": "2.17.1", "apiServerReady": True})
        found = self.levels(service)
        assert {each.level for each in found.values()} == {Level.OK}
        assert found["version"].text == "2.17.1"

    def test_the_api_server_tells_it_by_the_older_path_or_not_at_all(self, service):
        service.answers["GET", self.HEALTH] = (200, {"multi_user": True})
        found = self.levels(service)
        assert "multiple users" in found["api"].text
        assert found["version"].level is Level.ADVICE

        service.answers["GET", "/apis/v1beta1/healthz"] = (200, {"tag_name": "2.5.0"})
        found = self.levels(service)
        assert found["version"].text == "2.5.0: tested with 2.17"

    def test_a_ui_before_a_dead_api_server(self, service):
        service.answers["GET", self.HEALTH] = (200, {"apiServerReady": False})
        found = self.levels(service)
        assert found["api"].level is Level.WRONG
        assert "its API server does not" in found["api"].text

    def test_a_login_in_front_and_a_token(self, service):
        def health(request):
            if request["headers"].get("Authorization") == "Bearer made-up":
                return 200, {"apiServerTagName": "v2.18.0"}
            return 302, {}, {"Location": "https://login.example/auth?state=secret"}

        service.answers["GET", self.HEALTH] = health
        wrong = self.levels(service)["api"]
        assert "requires a login (302 to https://login.example/auth)" in wrong.text
        assert self.levels(service, token="made-up")["version"].text == "v2.18.0"

    def test_something_else_answers_or_nothing(self, service):
        assert "answers 404" in self.levels(service)["api"].text
        (found,) = check_endpoint("127.0.0.1:1")
        assert "does not answer" in found.text
        assert "port-forward" in found.remedy
