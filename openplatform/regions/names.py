"""How places are called: by their full name, and by what people leave out of it."""

from __future__ import annotations

import re
import unicodedata

from openplatform.regions.models import Region

MIN_LENGTH = 2  # characters of a short name; one alone is a word like any other

# Rows of the library that group places and are no place of an address.
NO_PLACE = re.compile(r".*直辖县级行政区划|县|其它区")
PROVINCE_ENDS = ("特别行政区", "自治区", "省", "市")
SHORT_PROVINCES = {
    "内蒙古自治区": ("内蒙古", "内蒙"),
    "广西壮族自治区": ("广西",),
    "西藏自治区": ("西藏",),
    "宁夏回族自治区": ("宁夏",),
    "新疆维吾尔自治区": ("新疆",),
}
# As people write them: 广西省, 新疆自治区, 香港特区.
LOOSE_PROVINCE_ENDS = {"特别行政区": ("特区",), "自治区": ("自治区", "省")}
PEOPLES = (
    "各族|民族|蒙古族?|回族|藏族|维吾尔族?|苗族|彝族|壮族|布依族|朝鲜族|满族|侗族|瑶族|白族|土家族|哈尼族|"
    "哈萨克族?|傣族|黎族|傈僳族|佤族|畲族|拉祜族|水族|东乡族|纳西族|景颇族|柯尔克孜族?|土族|达斡尔族?|仫佬族|"
    "羌族|布朗族|撒拉族|毛南族|仡佬族|锡伯族?|阿昌族|普米族|塔吉克族?|怒族|乌孜别克族?|俄罗斯族|鄂温克族|"
    "鄂伦春族|德昂族|保安族|裕固族|京族|塔塔尔族|独龙族|赫哲族|门巴族|珞巴族|基诺族"
)
OF_PEOPLES = re.compile(
    rf"(?P<stem>.{{2,}}?)(?:{PEOPLES})+(?P<end>自治[州县旗]|区|乡|镇|苏木)"
    r"|(?P<own>.{2,}?)族?(?P<own_end>自治[州县旗])"  # named after one people: 东乡族自治县
)
ENDS = {
    Region.Level.CITY: re.compile(r"(.{2,}?)(?:地区|市|盟|县)"),
    Region.Level.DISTRICT: re.compile(r"(.{2,}?)(?:新区|林区|特区|区|县|市|(?<![左右前后中合])旗)"),
    # A street's name without 街道 is the name of a road: 南京东路街道.
    Region.Level.TOWN: re.compile(r"(.{2,}?)(?<![路街道巷])(?:街道|地区|镇|乡|苏木)"),
}
# 工业园区 after a city's name is mostly not the one place that the library has under that name.
ZONE = re.compile(r".*(?:园区?|开发区|工业.*|科技.*|产业.*|高新.*|管理区|示范区|保税.*|新城)")


def normalize(text: str) -> str:
    """Full-width forms made plain, and one blank for all that is neither letter nor digit."""
    text = unicodedata.normalize("NFKC", text)
    if text.isalnum():
        return text
    return " ".join("".join(c if c.isalnum() else " " for c in text).split())


def full_name(name: str) -> str | None:
    """The name as it is looked for in a text; None for a row that is no place."""
    return None if NO_PLACE.fullmatch(name) else normalize(name)


def is_zone(name: str) -> bool:
    """Whether many estates and development zones are called like this."""
    return ZONE.fullmatch(name) is not None


def short_names(name: str, level: int) -> set[str]:
    """What people call it, too: 恩施 and 恩施州 for 恩施土家族苗族自治州."""
    if level == Region.Level.PROVINCE:
        return _short_provinces(name)
    shorts: set[str] = set()
    name = normalize(name)
    if of_peoples := OF_PEOPLES.fullmatch(name):
        stem = of_peoples["stem"] or of_peoples["own"]
        end = (of_peoples["end"] or of_peoples["own_end"])[-1]
        shorts = {stem, stem + end}
    elif plain := ENDS[Region.Level(level)].fullmatch(name):
        shorts = {plain[1]}
    return {short for short in shorts if len(short) >= MIN_LENGTH} - {name}


def _short_provinces(name: str) -> set[str]:
    end = next((end for end in PROVINCE_ENDS if name.endswith(end)), "")
    shorts = SHORT_PROVINCES.get(name, (name.removesuffix(end),))
    loose = {shorts[0] + loose for loose in LOOSE_PROVINCE_ENDS.get(end, ())}
    return {*shorts, *loose} - {name}
