from waitroom.room.keys import LIFE, PROCESSES, ROOMS, Keys


def test_all_keys_of_a_room_share_its_hash_tag() -> None:
    assert {key.split("}")[0] for key in Keys("shop").all()} == {"waitroom:{shop"}


def test_each_property_is_a_key_of_its_own_and_is_deleted_with_the_room() -> None:
    keys = Keys("shop")
    named = {
        name: getattr(keys, name)
        for name, value in vars(Keys).items()
        if isinstance(value, property)
    }
    # A channel holds nothing and needs no deletion.
    assert set(keys.all()) == set(named.values()) - {keys.admitted}
    assert len(set(named.values())) == len(named)
    assert all(key == f"waitroom:{{shop}}:{name}" for name, key in named.items())


def test_keys_of_two_rooms_never_meet() -> None:
    assert not set(Keys("a").all()) & set(Keys("b").all())


def test_keys_of_the_installation_belong_to_no_room() -> None:
    assert len({ROOMS, LIFE, PROCESSES}) == 3
    assert not any("{" in key for key in (ROOMS, LIFE, PROCESSES))
