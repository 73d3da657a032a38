"""Which paths a client may name: links, other folders, and things that are no files."""

import os
import socket
import sys
from pathlib import Path

import pytest

from peanut_daemon.errors import InvalidRequestError, PathRefusedError
from peanut_daemon.guard.roots import Roots

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX links and devices")


@pytest.fixture
def media(tmp_path):
    folder = tmp_path / "media"
    folder.mkdir()
    (folder / "a.mov").write_bytes(b"clip")
    return folder


@pytest.fixture
def private(tmp_path):
    folder = tmp_path / "data"
    (folder / "hosts/one").mkdir(parents=True)
    (folder / "daemon.json").write_text("secret")
    (folder / "hosts/one/clip.mkv").write_bytes(b"clip")
    return folder


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "elsewhere" / "secret.mov"
    path.parent.mkdir()
    path.write_bytes(b"secret")
    return path


@pytest.fixture
def roots(media, private):
    return Roots(allowed=(media,), private=private)


@pytest.fixture
def anywhere(private):
    return Roots(private=private)


def test_a_file_inside_is_taken(roots, media):
    assert roots.checked_input(media / "a.mov") == (media / "a.mov").resolve()
    assert roots.checked_output(media / "out.mkv") == media.resolve() / "out.mkv"


def test_dots_are_resolved_before_the_check(roots, media, secret):
    with pytest.raises(PathRefusedError, match="outside the folders"):
        roots.checked_input(media / ".." / "elsewhere" / "secret.mov")
    with pytest.raises(PathRefusedError, match="outside the folders"):
        roots.checked_output(media / ".." / "out.mkv")


def test_outside_it_is_the_same_whether_something_is_there(roots, secret):
    said = []
    for path in (secret, secret.with_name("nothing.mov")):
        with pytest.raises(PathRefusedError) as caught:
            roots.checked_input(path)
        said.append(str(caught.value).replace(path.name, ""))
    assert said[0] == said[1]


@posix
def test_a_link_that_leads_outside_is_refused(roots, media, secret):
    (media / "link.mov").symlink_to(secret)
    (media / "folder").symlink_to(secret.parent)
    for path in (media / "link.mov", media / "folder" / secret.name):
        with pytest.raises(PathRefusedError, match="outside the folders"):
            roots.checked_input(path)
    with pytest.raises(PathRefusedError, match="outside the folders"):
        roots.checked_output(media / "folder" / "out.mkv")


@posix
def test_a_link_that_stays_inside_is_resolved(roots, media):
    (media / "link.mov").symlink_to(media / "a.mov")
    assert roots.checked_input(media / "link.mov") == (media / "a.mov").resolve()


@posix
def test_a_picture_of_a_sequence_that_leads_outside_is_refused(roots, media, secret):
    frames = media / "frames"
    frames.mkdir()
    (frames / "f.0001.png").write_bytes(b"png")
    assert roots.checked_input(frames / "f.%04d.png") == frames.resolve() / "f.%04d.png"
    (frames / "f.0002.png").symlink_to(secret)
    for path in (frames, frames / "f.%04d.png"):
        with pytest.raises(PathRefusedError, match="outside the folders"):
            roots.checked_input(path)


@posix
def test_a_loop_of_links_is_refused(anywhere, media):
    (media / "loop").symlink_to(media / "loop")
    with pytest.raises(InvalidRequestError):
        anywhere.checked_input(media / "loop" / "a.mov")


def test_the_daemons_own_files_are_refused(anywhere, private):
    for name in ("daemon.json", "journal.db", "models/x.safetensors"):
        with pytest.raises(PathRefusedError, match="own folder"):
            anywhere.checked_input(private / name)
        with pytest.raises(PathRefusedError, match="own folder"):
            anywhere.checked_output(private / name)


@posix
def test_the_daemons_own_files_are_refused_through_a_link(anywhere, private, media):
    (media / "innocent.mov").symlink_to(private / "daemon.json")
    with pytest.raises(PathRefusedError, match="own folder"):
        anywhere.checked_input(media / "innocent.mov")


def test_what_the_daemon_shares_with_hosts_may_be_named(roots, anywhere, private):
    path = private / "hosts" / "one" / "clip.mkv"
    for each in (roots, anywhere):
        assert each.checked_input(path) == path
        assert each.checked_output(path.with_name("out.mkv")).name == "out.mkv"


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_what_the_kernel_makes_up_is_refused(anywhere):
    for path in ("/proc/self/environ", "/proc/self/mem", "/sys/kernel/notes"):
        with pytest.raises(PathRefusedError, match="no place for clips"):
            anywhere.checked_input(Path(path))


@posix
def test_devices_pipes_and_sockets_are_refused_and_not_waited_for(anywhere, media):
    os.mkfifo(media / "pipe.mov")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(media / "socket.mov"))
        for path in (Path("/dev/zero"), media / "pipe.mov", media / "socket.mov"):
            with pytest.raises(PathRefusedError, match="a device, a pipe or a socket"):
                anywhere.checked_input(path)


@pytest.mark.parametrize("text", ["", "a.mov", "~/a.mov", "file:///a.mov", "concat:a|b"])
def test_relative_paths_are_refused(anywhere, text):
    with pytest.raises(InvalidRequestError, match="is relative"):
        anywhere.checked_input(Path(text))


@pytest.mark.parametrize("text", ["/a\0b.mov", "/" + "n" * 5000 + "/a.mov"], ids=["zero", "long"])
def test_names_that_no_system_opens_are_refused_or_not_there(anywhere, text):
    try:
        assert anywhere.checked_input(Path(text)) == Path(text)
    except InvalidRequestError as error:
        assert "names no file" in str(error)


def test_without_roots_a_path_stays_as_it_was_named(anywhere, media):
    assert anywhere.checked_input(media / ".." / "media" / "a.mov") == (
        media / ".." / "media" / "a.mov"
    )
    assert anywhere.checked_input(media / "not-there.mov") == media / "not-there.mov"
