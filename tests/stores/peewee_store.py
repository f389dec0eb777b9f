"""A Spanish store on Peewee, with its documented hooks; sales are percents, pictures file names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import peewee
from flask import Flask, Response, redirect, render_template, request, session
from jinja2 import DictLoader
from werkzeug.wrappers import Response as Answer

from tests.stores.built import Built

TEMPLATES = {
    "base.html": "<!doctype html><title>{% block t %}{% endblock %} | Té y más</title>"
    "<p>{{ session.get('user') or 'Entrar' }}</p>{% block c %}{% endblock %}",
    "producto.html": """{% extends "base.html" %}{% block t %}{{ producto.nombre }}{% endblock %}
{% block c %}<h1>{{ producto.nombre }}</h1>
<img src="{{ url_for('static', filename='img/' ~ producto.foto) }}" alt="">
{% if producto.descuento %}<s>{{ producto.precio }} €</s>{% endif %}
<b>{{ '%.2f' % producto.precio_final }} €</b> en {{ producto.categoria.nombre }}
<form method="post" action="/carrito"><input type="hidden" name="id" value="{{ producto.id }}">
<input name="cantidad" value="1"><button>Comprar</button></form>{% endblock %}""",
    "editar.html": """{% extends "base.html" %}{% block c %}<form method="post">
<input name="nombre" value="{{ producto.nombre }}">
<input name="precio" value="{{ producto.precio }}">
</form>{% endblock %}""",
    "lista.html": """{% extends "base.html" %}{% block c %}{% for producto in productos %}
<h2>{{ producto.nombre }}</h2>{{ producto.precio }} €{% endfor %}{% endblock %}""",
}


def store(place: Path) -> Built:
    app = Flask("tienda")
    app.secret_key = "k" * 32
    app.jinja_loader = DictLoader(TEMPLATES)
    database = peewee.SqliteDatabase(str(place / "tienda.db"))

    class Categoria(peewee.Model):
        nombre = peewee.CharField()

    class Producto(peewee.Model):
        nombre, precio = peewee.CharField(), peewee.DecimalField(decimal_places=2)
        descuento, foto = peewee.IntegerField(default=0), peewee.CharField()
        categoria = peewee.ForeignKeyField(Categoria, backref="productos")

        @property
        def precio_final(self) -> Any:
            return self.precio * (100 - self.descuento) / 100

    database.bind([Categoria, Producto])
    with database:
        database.create_tables([Categoria, Producto])
        verde = Categoria.create(nombre="Té verde")
        Producto.create(nombre="Sencha", precio="12.00", foto="sencha.jpg", categoria=verde)
        Producto.create(
            nombre="Matcha", precio="30.00", descuento=25, foto="matcha.jpg", categoria=verde
        )

    @app.before_request
    def conectar() -> None:
        database.connect()

    @app.after_request
    def cerrar(response: Response) -> Response:
        database.close()
        return response

    @app.get("/entrar")
    def entrar() -> Answer:
        session["user"] = "ana@shop.example"
        return redirect("/")

    @app.get("/")
    @app.get("/buscar")
    def lista() -> str:
        return render_template("lista.html", productos=list(Producto.select()))

    @app.get("/producto/<int:producto_id>")
    def producto(producto_id: int) -> str:
        return render_template("producto.html", producto=Producto.get_by_id(producto_id))

    @app.get("/admin/producto/<int:producto_id>")
    def editar(producto_id: int) -> str:
        return render_template("editar.html", producto=Producto.get_by_id(producto_id))

    @app.get("/carrito")
    def carrito() -> str:
        return render_template("lista.html", productos=[Producto.get_by_id(1)], q=request.args)

    queries: list[str] = []
    execute = database.execute_sql
    database.execute_sql = lambda sql, *a, **k: queries.append(sql) or execute(sql, *a, **k)
    picture = "https://shop.example/static/img/"
    sencha: dict[str, Any] = {"id": "1", "name": "Sencha", "price": 12, "category": "Té verde"}
    return Built(
        app,
        {
            "/producto/1": sencha | {"image_url": picture + "sencha.jpg"},
            "/producto/2": {"id": "2", "price": 22.5, "image_url": picture + "matcha.jpg"},
        },
        ("/", "/buscar", "/admin/producto/1", "/carrito"),
        queries,
        lambda: not database.is_closed(),
        {"TOPMAIL_TEMPLATE_VARIABLES": ["producto"]},
    )
