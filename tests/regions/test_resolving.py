"""Addresses against the library that is shipped: 44,558 places."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openplatform.regions.index import RegionIndex
from openplatform.regions.names import NO_PLACE, short_names
from openplatform.regions.resolving import MAX_CANDIDATES, resolve
from openplatform.regions.services.loading import SHIPPED_FILE
from openplatform.regions.services.reading import RegionRow, read_content, read_regions

PROVINCES = [
    ("110000", "北京市", "北京"),
    ("120000", "天津市", "天津"),
    ("130000", "河北省", "河北"),
    ("140000", "山西省", "山西"),
    ("150000", "内蒙古自治区", "内蒙古"),
    ("210000", "辽宁省", "辽宁"),
    ("220000", "吉林省", "吉林"),
    ("230000", "黑龙江省", "黑龙江"),
    ("310000", "上海市", "上海"),
    ("320000", "江苏省", "江苏"),
    ("330000", "浙江省", "浙江"),
    ("340000", "安徽省", "安徽"),
    ("350000", "福建省", "福建"),
    ("360000", "江西省", "江西"),
    ("370000", "山东省", "山东"),
    ("410000", "河南省", "河南"),
    ("420000", "湖北省", "湖北"),
    ("430000", "湖南省", "湖南"),
    ("440000", "广东省", "广东"),
    ("450000", "广西壮族自治区", "广西"),
    ("460000", "海南省", "海南"),
    ("500000", "重庆市", "重庆"),
    ("510000", "四川省", "四川"),
    ("520000", "贵州省", "贵州"),
    ("530000", "云南省", "云南"),
    ("540000", "西藏自治区", "西藏"),
    ("610000", "陕西省", "陕西"),
    ("620000", "甘肃省", "甘肃"),
    ("630000", "青海省", "青海"),
    ("640000", "宁夏回族自治区", "宁夏"),
    ("650000", "新疆维吾尔自治区", "新疆"),
    ("710000", "台湾省", "台湾"),
    ("810000", "香港特别行政区", "香港"),
    ("820000", "澳门特别行政区", "澳门"),
]
TAILS = (
    "",
    "中山路88号",
    "人民路12号3幢501室",
    "南京西路1266号恒隆广场",
    "建设大街5号",
    "解放北路",
)


@pytest.fixture(scope="module")
def places() -> dict[str, RegionRow]:
    return {row.code: row for row in read_regions(read_content(SHIPPED_FILE))}


@pytest.fixture(scope="module")
def index(places: dict[str, RegionRow]) -> RegionIndex:
    rows = sorted(places.values(), key=lambda row: row.code)
    codes = [row.code for row in rows]
    return RegionIndex(
        version="2024",
        codes=codes,
        parents=[row.parent for row in rows],
        levels=[row.level for row in rows],
        names=[row.name for row in rows],
        follows=codes,
    )


def find(index: RegionIndex, text: str) -> list[tuple[str, float]]:
    return [(index.codes[found.place], found.confidence) for found in resolve(index, text)]


@pytest.mark.parametrize(("code", "name", "short"), PROVINCES)
def test_province_is_found_by_full_and_by_short_name(
    index: RegionIndex, code: str, name: str, short: str
) -> None:
    assert find(index, name) == [(code, 1.0)]
    found, *others = find(index, short)
    assert found[0] == code
    assert found[1] >= 0.8
    assert all(confidence < 0.2 for _code, confidence in others)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        # short names, and what people make of long ones
        ("内蒙", "150000"),
        ("内蒙呼和浩特", "150100"),
        ("广西省南宁市青秀区", "450103"),
        ("新疆自治区乌鲁木齐天山区", "650102"),
        ("香港特区", "810000"),
        ("恩施", "422800"),
        ("恩施州利川市", "422802"),
        ("湖北恩施恩施", "422801"),
        ("延边", "222400"),
        ("阿坝州九寨沟县", "513225"),
        ("甘肃临夏东乡", "622926"),
        ("大理市", "532901"),
        ("黄山黄山", "341003"),
        ("辽宁朝阳", "211300"),
        ("乌海海南区", "150303"),
        # levels left out
        ("浦东新区", "310115"),
        ("上海浦东", "310115"),
        ("湖北仙桃", "429004"),
        ("浙江义乌", "330782"),
        ("广东虎门镇", "441900121"),
        ("东莞长安镇", "441900119"),
        ("吉林船营区", "220204"),
        ("昆山花桥", "320583104"),
        ("济南市中区", "370103"),
        # names that several places bear
        ("南京鼓楼区", "320106"),
        ("徐州 鼓楼区", "320302"),
        ("福建福州鼓楼区", "350102"),
        ("河南开封市鼓楼", "410204"),
        ("鼓楼区华侨路街道", "320106002"),
        ("鼓楼区, 南京", "320106"),
        ("南山区 广东深圳", "440305"),
        ("长沙县", "430121"),
        ("长沙市长沙县", "430121"),
        ("吉林市", "220200"),
        ("吉林吉林市", "220200"),
        # municipalities, once or twice
        ("北京北京市", "110100"),
        ("上海市上海市浦东新区", "310115"),
        ("上海浦东新区张江镇", "310115125"),
        ("北京市朝阳区望京街道", "110105026"),
        ("重庆市渝中区解放碑", "500103003"),
        # what stands around
        ("收货人：李海南，地址：广东省深圳市南山区粤海街道科技园路1号", "440305007"),
        ("张三河南省郑州市金水区", "410105"),
        ("１２３号　广东省　深圳市，南山区（科技园）", "440305"),
        ("中国·浙江·杭州·西湖区", "330106"),
        ("13800138000广东省深圳市南山区", "440305"),
        ("江苏省苏州市苏州工业园区星湖街328号", "320500"),
        ("杭州市余杭区阿里巴巴西溪园区", "330110"),
        ("湖北省十堰市工业园区A座", "420300"),
        # roads and institutions that bear a place's name
        ("广州市越秀区北京路123号", "440104"),
        ("广州北京路", "440100"),
        ("上海南京东路100号", "310000"),
        ("上海市黄浦区南京东路街道", "310101002"),
        ("天津和平区南京路", "120101"),
        ("四川成都武侯区人民南路四段", "510107"),
        ("深圳市南山区北京大学深圳研究生院", "440305"),
        ("石家庄桥西区", "130104"),
        ("哈尔滨道里区", "230102"),
        ("湖北京山市", "420882"),
        ("陕西安康", "610900"),
    ],
)
def test_deepest_place_is_found_when_the_text_supports_one(
    index: RegionIndex, text: str, code: str
) -> None:
    first, *others = find(index, text)

    assert first[0] == code
    assert first[1] > 0.5
    assert all(confidence < first[1] for _code, confidence in others)


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("鼓楼区", ["320106", "320302", "350102", "410204"]),
        ("朝阳区", ["110105", "220104"]),
        ("江苏鼓楼区", ["320106", "320302"]),
        ("通州区", ["110112", "320612"]),
    ],
)
def test_all_are_told_with_equal_confidence_when_nothing_tells_them_apart(
    index: RegionIndex, text: str, codes: list[str]
) -> None:
    found = find(index, text)

    assert [code for code, _confidence in found] == codes
    assert {confidence for _code, confidence in found} == {found[0][1]}
    assert found[0][1] <= 1 / len(codes)


@pytest.mark.parametrize(
    "text",
    ["中山路", "人民路1号", "你好世界", "幸福小区东区3幢", "x", "1", "的", "工业园区", "！？"],
)
def test_nothing_is_found_when_the_text_names_no_place(index: RegionIndex, text: str) -> None:
    assert find(index, text) == []


def test_ten_candidates_at_most_are_told_when_many_bear_the_name(index: RegionIndex) -> None:
    found = find(index, "城关镇")  # 88 of them

    assert len(found) == MAX_CANDIDATES
    assert {confidence for _code, confidence in found} == {0.01}


def test_place_is_found_in_every_way_that_an_address_is_written(
    index: RegionIndex, places: dict[str, RegionRow]
) -> None:
    """All provinces and cities, and a sample of districts and towns that is always the same."""
    choice = random.Random(2024)
    rows = [row for row in places.values() if not NO_PLACE.fullmatch(row.name)]
    sample = [row for row in rows if row.level <= 2]
    for level in (3, 4):
        sample += choice.sample([row for row in rows if row.level == level], 400)
    tried = 0
    missed = []
    for row in sample:
        for text in writings(row, places, choice):
            tried += 1
            first = next(iter(find(index, text)), None)
            if first is None or first[0] != row.code:
                missed.append((text, row.path_name, first))

    assert tried > 5_000
    # Known: 桃园市 is a city and a city in it.
    assert [miss for miss in missed if not miss[1].startswith("台湾省 桃园市")] == []


def writings(row: RegionRow, places: dict[str, RegionRow], choice: random.Random) -> Iterator[str]:
    """Texts that name the place and no other."""
    path = [places[code] for code in row.path if not NO_PLACE.fullmatch(places[code].name)]
    names = [place.name for place in path]
    yield "".join(names) + choice.choice(TAILS)
    yield "，".join(names) + " " + choice.choice(TAILS)
    yield f"收货人：张伟 13800138000 收货地址：{''.join(names)}{choice.choice(TAILS)}"
    if len(path) > 1 and row.level > 2:
        yield "".join([*(short_of(place) for place in path[:-1]), row.name, choice.choice(TAILS)])
        if len(names[-2]) > 2:  # 城区 is no name to go by
            yield "".join(names[-2:])
    if len(path) > 2:
        yield "".join(names[1:]) + choice.choice(TAILS)


def short_of(place: RegionRow) -> str:
    shorts = short_names(place.name, place.level)
    return min(shorts, key=lambda short: (len(short), short), default=place.name)


def test_confidence_is_deserved_when_the_text_is_a_name_alone(
    index: RegionIndex, places: dict[str, RegionRow]
) -> None:
    """A district's or town's bare name: where the first candidate counts as sure, it is right."""
    rows = [row for row in places.values() if row.level > 2 and not NO_PLACE.fullmatch(row.name)]
    bearers = Counter(row.name for row in rows)
    sure = 0
    for row in random.Random(7).sample(rows, 2_000):
        found = find(index, row.name)
        if found and found[0][1] >= 0.8:
            sure += 1
            assert (found[0][0], bearers[row.name]) == (row.code, 1)

    assert sure > 800


@settings(max_examples=100, deadline=None)
@given(
    text=st.text(
        alphabet=st.one_of(
            st.characters(codec="utf-8"),
            st.sampled_from("北京上海南广东西省市区县镇乡街道路新城朝阳 ，0"),
        ),
        max_size=300,
    )
)
def test_candidates_are_well_formed_whatever_the_text(index: RegionIndex, text: str) -> None:
    found = find(index, text)

    assert len(found) <= MAX_CANDIDATES
    assert len({code for code, _confidence in found}) == len(found)
    assert all(0 < confidence <= 1 for _code, confidence in found)
    assert all(confidence == round(confidence, 2) for _code, confidence in found)
    assert find(index, text) == found
