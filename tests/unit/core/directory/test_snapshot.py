"""A snapshot never changes; a changed copy has everything else as it was."""

from hypothesis import given
from hypothesis import strategies as st

from ringwall.core.directory import DeviceEntry, Directory, UserEntry


def _user(number, devices=0):
    extension = str(1000 + number)
    return UserEntry(
        number,
        extension,
        f"User {number}",
        tuple(
            DeviceEntry(number * 100 + n, f"d{number}x{n}", number, extension, "", "", None, False)
            for n in range(devices)
        ),
    )


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3), st.booleans()), max_size=30))
def test_changing_one_by_one_gives_what_building_anew_gives(changes):
    directory, expected = Directory(), {}
    for number, devices, removed in changes:
        before = dict(directory.by_extension), dict(directory.by_device)
        user = _user(number, devices)
        changed = directory.without_user(user.extension) if removed else directory.with_user(user)
        assert (dict(directory.by_extension), dict(directory.by_device)) == before
        directory = changed
        if removed:
            expected.pop(user.extension, None)
        else:
            expected[user.extension] = user
    anew = Directory(expected.values())
    assert dict(directory.by_extension) == dict(anew.by_extension)
    assert dict(directory.by_device) == dict(anew.by_device)
