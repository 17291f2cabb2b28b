"""File hosts, asset libraries and balances, as far as the vendors' documents tell of them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable

import pytest

from longtake.sandbox.app import Sandbox
from tests.sandbox.conftest import MediaShop, Speaker, patiently, refusal_words
from tests.sandbox.test_references import body


def active(check: Callable[[], str], *wanted: str) -> None:
    patiently(lambda: check() in wanted)


@pytest.mark.parametrize("way", ["stream", "base64", "url"])
def test_evolink_files_become_references(shared: Speaker, shop: MediaShop, way: str) -> None:
    base, headers = shared.sandbox.upload_base_url("evolink") + "/api/v1/files", shared.headers("evolink")
    picture = shop.image_bytes()
    if way == "stream":
        response = shared.http.post(
            f"{base}/upload/stream",
            files={"file": ("a.png", picture, "image/png")},
            data={"fileName": "mine.png", "uploadPath": "x"},
            headers=headers,
        )
    elif way == "base64":
        data = {"base64_data": "data:image/png;base64," + base64.b64encode(picture).decode(), "file_name": "mine.png"}
        response = shared.http.post(f"{base}/upload/base64", json=data, headers=headers)
    else:
        data = {"file_url": shop.image(), "file_name": "mine.png"}
        response = shared.http.post(f"{base}/upload/url", json=data, headers=headers)
    answer = response.json()
    assert answer["success"] is True
    assert answer["data"]["original_name"] == "mine.png"
    job = shared.sandbox.job(shared.buy("evolink", body("evolink", images=(answer["data"]["file_url"],))))
    assert job.reference_hashes == (hashlib.sha256(picture).hexdigest(),)
    listed = shared.http.get(f"{base}/list?page=1&pageSize=100", headers=headers).json()["data"]["files"]
    assert answer["data"]["file_id"] in [file["file_id"] for file in listed]
    assert shared.http.get(f"{base}/quota", headers=headers).json()["data"]["used_files"] == len(listed)
    gone = shared.http.delete(f"{base}/{answer['data']['file_id']}", headers=headers)
    assert gone.json()["success"] is True
    assert shared.http.get(answer["data"]["file_url"]).status_code == 404


def test_uploads_want_the_key_and_a_file(shared: Speaker) -> None:
    url = shared.sandbox.upload_base_url("evolink") + "/api/v1/files/upload/stream"
    assert shared.http.post(url, files={"file": b"x"}).status_code == 401
    response = shared.http.post(url, data={"fileName": "x"}, headers=shared.headers("evolink"))
    assert "multipart file is required" in refusal_words("evolink", response)


def test_jimmyai_upload_answers_a_link_that_orders_can_name(shared: Speaker, shop: MediaShop) -> None:
    answer = shared.http.post(
        shared.sandbox.upload_base_url("jimmyai") + "/api/open-api/v1/files/upload",
        files={"file": ("猫.png", shop.image_bytes(), "image/png")},
        headers=shared.headers("jimmyai"),
    ).json()
    assert answer["code"] == "20000"
    assert set(answer["data"]) == {"url", "filename", "size", "mime_type"}
    shared.buy("jimmyai", body("jimmyai", images=(answer["data"]["url"],)))


def test_jimmyai_assets_of_sp_are_usable_once_active(shared: Speaker, shop: MediaShop) -> None:
    base, headers = (
        shared.sandbox.base_url("jimmyai") + "/api/open-api/v1/seedance/sp/assets/",
        shared.headers("jimmyai"),
    )
    facts = {"name": "face", "type": "image", "url": shop.image()}
    answer = shared.http.post(base + "upload", json=facts, headers=headers).json()
    assert answer["code"] == 0
    asset_id = answer["data"]["asset_id"]
    order = body("jimmyai", images=(f"asset://{asset_id}",), model="seedance2.0-sp")
    assert "not an active" in refusal_words("jimmyai", shared.submit("jimmyai", order))

    def status() -> str:
        asked = {"asset_id": asset_id}
        return shared.http.post(base + "detail", json=asked, headers=headers).json()["data"]["status"]

    assert status() in ("Processing", "Active")
    active(status, "Active")
    shared.buy("jimmyai", order)


def test_jimmyai_audits_links_item_by_item(shared: Speaker, shop: MediaShop) -> None:
    base, headers = shared.sandbox.base_url("jimmyai") + "/api/open-api/v1/seedance/assets/", shared.headers("jimmyai")
    lists = {"imageUrls": [shop.image(), shop.image() + "/nowhere"], "videoUrls": [shop.video()], "audioUrls": []}
    data = shared.http.post(base + "audit", json=lists, headers=headers).json()["data"]
    assert [(item["assetType"], item["status"]) for item in data["items"]] == [
        ("image", "submitted"),
        ("video", "submitted"),
    ]
    assert [item["originalUrl"] for item in data["failedItems"]] == [shop.image() + "/nowhere"]
    ids = [item["assetId"] for item in data["items"]]
    order = body("jimmyai", images=(f"asset://{ids[0]}",), model="sd2_mx_720p", resolution="720p")
    assert "not an active" in refusal_words("jimmyai", shared.submit("jimmyai", order))

    def status() -> set[str]:
        asked = [("assetIds", asset_id) for asset_id in ids]
        items = shared.http.get(base + "status", params=asked, headers=headers).json()["data"]["items"]
        assert [item["assetId"] for item in items] == ids
        return {item["status"] for item in items}

    assert status() <= {"Processing", "Active"}
    active(status, {"Active"})
    shared.buy("jimmyai", order)


def test_anyfast_assets_are_billed_listed_and_named(sandbox: Sandbox, speak: Speaker, shop: MediaShop) -> None:
    base, headers = sandbox.upload_base_url("anyfast") + "/volc/asset/", speak.headers("anyfast")

    def call(action: str, **fields: str) -> dict[str, object]:
        return speak.http.post(base + action, json=fields, headers=headers).json()

    group = call("CreateAssetGroup", model="volc-asset", Name="mine")["Id"]
    video = {"model": "volc-asset-video", "GroupId": str(group), "Name": "a", "AssetType": "Video", "URL": shop.video()}
    asset_id = call("CreateAsset", **video)["Id"]
    assert str(asset_id).startswith("asset-")
    assert (sandbox.bill.count(kind="asset"), sandbox.bill.count()) == (1, 0)
    assert sandbox.bill.total_usd > 0
    active(lambda: call("GetAsset", Id=str(asset_id))["Status"], "Active")
    assert call("ListAssets")["TotalCount"] == call("ListAssetGroups")["TotalCount"] == 1
    job = sandbox.job(speak.buy("anyfast", body("anyfast", videos=(f"asset://{asset_id}",))))
    assert len(job.reference_hashes) == 1
    wrong = speak.http.post(base + "CreateAsset", json={**video, "model": "volc-asset"}, headers=headers)
    assert "volc-asset-video is required" in refusal_words("anyfast", wrong)


def test_powertokens_assets_come_by_way_of_a_task_and_the_bare_key(
    sandbox: Sandbox, speak: Speaker, shop: MediaShop
) -> None:
    base = sandbox.upload_base_url("powertokens") + "/api/v1/asset/"
    answer = speak.http.post(
        base + "upload",
        files={"file": ("a.png", shop.image_bytes(), "image/png")},
        headers={"Authorization": sandbox.api_key("powertokens")},
    ).json()
    assert answer["code"] == 200
    query = f"{base}jobs/get-asset-id?task_id={answer['data']['task_id']}"
    active(lambda: speak.http.get(query).json()["data"]["asset_id"] and "there", "there")
    asset_id = speak.http.get(query).json()["data"]["asset_id"]
    speak.buy("powertokens", body("powertokens", images=(f"asset://{asset_id}",)))
    wrong = body("powertokens", videos=(f"asset://{asset_id}",))
    assert "not an active video" in refusal_words("powertokens", speak.submit("powertokens", wrong))


def test_balances_serve_as_a_check_of_the_key(shared: Speaker) -> None:
    for vendor, path in (
        ("evolink", "/v1/credits"),
        ("jimmyai", "/api/open-api/v1/user/balance"),
        ("jimmyai", "/api/open-api/v1/key/balance"),
    ):
        url = shared.sandbox.base_url(vendor) + path
        assert shared.http.get(url, headers=shared.headers(vendor)).json()["data"]
        assert refusal_words(vendor, shared.http.get(url))
