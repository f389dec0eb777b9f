"""A store on MongoEngine: references, embedded prices, pictures in a list; macros; German names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mongomock
from flask import Flask, g, redirect, render_template, session
from jinja2 import DictLoader
from mongoengine import (
    Document,
    EmbeddedDocument,
    connect,
    disconnect_all,
)
from mongoengine.fields import (
    DecimalField,
    EmbeddedDocumentField,
    ListField,
    ReferenceField,
    StringField,
)
from werkzeug.wrappers import Response as Answer

from tests.stores.built import Built

TEMPLATES = {
    "teile.html": "{% macro preis(p) %}<div class='preis'>"
    "{{ '%.2f'|format(p.betrag)|replace('.', ',') }}&nbsp;{{ p.waehrung }}</div>{% endmacro %}"
    "{% macro karte(product) %}<h3>{{ product.bezeichnung }}</h3>{{ preis(product.preis) }}"
    "{% endmacro %}",
    "artikel.html": "{% from 'teile.html' import preis %}<!doctype html><title>Vase</title>"
    "<h1>{{ product.bezeichnung }}</h1><img src='https://cdn.shop.example/{{ product.bilder[0] }}'>"
    "{{ preis(product.preis) }}<p>{{ product.hersteller.name }}</p>{{ g.user.email }}",
    "liste.html": "{% from 'teile.html' import karte %}"
    "{% for p in artikel %}{{ karte(p) }}{% endfor %}",
}


class Preis(EmbeddedDocument):
    betrag = DecimalField(precision=2)
    waehrung = StringField(default="EUR")


class Hersteller(Document):
    name = StringField()


class Artikel(Document):
    bezeichnung = StringField()
    preis = EmbeddedDocumentField(Preis)
    hersteller = ReferenceField(Hersteller)
    bilder = ListField(StringField())


class Kunde(Document):
    email = StringField()


def store(place: Path) -> Built:
    disconnect_all()
    client = connect(
        "laden", mongo_client_class=mongomock.MongoClient, uuidRepresentation="standard"
    )
    for kind in (Artikel, Hersteller, Kunde):
        kind.drop_collection()
    app = Flask("laden")
    app.secret_key = "k" * 32
    app.jinja_loader = DictLoader(TEMPLATES)
    maker = Hersteller(name="Meißen").save()
    vase = Artikel(
        bezeichnung="Vase", preis=Preis(betrag="1249.50"), hersteller=maker, bilder=["vase.jpg"]
    )
    bowl = Artikel(
        bezeichnung="Schale", preis=Preis(betrag="80"), hersteller=maker, bilder=["schale.jpg"]
    )
    ids = [str(article.save().id) for article in (vase, bowl)]
    kunde = str(Kunde(email="ann@shop.example").save().id)
    queries: list[str] = []
    for name in ("artikel", "hersteller", "kunde"):
        collection: Any = client["laden"][name]
        find = collection._iter_documents
        collection._iter_documents = lambda *a, find=find, name=name: (
            queries.append(name) or find(*a)
        )

    @app.before_request
    def user() -> None:
        g.user = Kunde.objects(id=session["kunde"]).first() if "kunde" in session else None

    @app.get("/login")
    def login() -> Answer:
        session["kunde"] = kunde
        return redirect("/")

    @app.get("/<lang>/artikel/<artikel_id>")
    def artikel(lang: str, artikel_id: str) -> str:
        return render_template(
            "artikel.html", product=Artikel.objects.get(id=artikel_id), lang=lang
        )

    @app.get("/")
    @app.get("/suche")
    def suche() -> str:
        return render_template("liste.html", artikel=list(Artikel.objects))

    @app.get("/manage/artikel/<artikel_id>")
    def manage(artikel_id: str) -> str:
        return render_template("artikel.html", product=Artikel.objects.get(id=artikel_id))

    cdn = "https://cdn.shop.example/"
    shown: dict[str, Any] = {"id": ids[0], "name": "Vase", "price": 1249.5, "brand": "Meißen"}
    return Built(
        app,
        {
            f"/de/artikel/{ids[0]}": shown | {"image_url": cdn + "vase.jpg"},
            f"/de/artikel/{ids[1]}": {"id": ids[1], "price": 80, "image_url": cdn + "schale.jpg"},
        },
        ("/", "/suche", f"/manage/artikel/{ids[0]}"),
        queries,
    )
