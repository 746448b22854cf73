from __future__ import annotations

from catalog.models import SkuImage
from tests.cast import Merchant, World


def test_images_come_by_position_when_asked_for(shop: World, merchant: Merchant) -> None:
    sku = shop.make_sku("A")
    shop.make_sku("B")
    SkuImage.objects.create(sku=sku, url="https://img.example/side.jpg", position=1)
    SkuImage.objects.create(
        sku=sku, url="https://img.example/front.jpg", position=0, width=1200, height=900
    )

    response = merchant.api.get("/catalog/images", sku="A,B")

    assert response.status_code == 200
    assert response.json() == {
        "results": [
            {
                "sku": "A",
                "images": [
                    {
                        "url": "https://img.example/front.jpg",
                        "is_main": True,
                        "position": 0,
                        "width": 1200,
                        "height": 900,
                        "sizes": [],
                    },
                    {
                        "url": "https://img.example/side.jpg",
                        "is_main": False,
                        "position": 1,
                        "width": None,
                        "height": None,
                        "sizes": [],
                    },
                ],
            },
            {"sku": "B", "images": []},
        ]
    }
