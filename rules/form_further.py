"""Fields of a document that no page names by hand: made from the document's own models, so that none is left out.

Whatever is added to a model is on the page at once: a text, number or boolean as itself, anything else as JSON.
"""

from collections.abc import Collection, Mapping
from functools import cache
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from pydantic import BaseModel
from unfold.widgets import UnfoldBooleanWidget

from integrations.forms import BooleanPieceField, PieceField, piece_widget
from integrations.pieces import Kind, Piece, merged, pieces_of
from supportops.texts import translated

# What they are called, and what they mean, where the model does not say it.
_WORDS: Mapping[str, tuple[Any, Any]] = {
    "description": (_("Note"), _("For whoever reads the rule.")),
    "optional": (
        _("May be left out"),
        _("Without its account, or where it fails, the run carries a warning and goes on."),
    ),
    "strict": (_("Strict about missing fields"), _("A field that is not there is an error, instead of nothing.")),
    "for_each": (_("Once for each of"), _("A list such as {{ ticket.tags }}: the step is done for each item.")),
    "gate": (_("Gate"), _("Only gates decide the outcome that callers who wait are told.")),
}


def further_pieces(model: type[BaseModel], known: Collection[str]) -> list[Piece]:
    """Return the pieces of a model that are not among the known ones, whose fields stand on the page already."""
    return [piece for piece in _pieces(model) if piece.name not in known]


@cache
def _pieces(model: type[BaseModel]) -> list[Piece]:
    return pieces_of(model)


def add_further(form: forms.Form, pieces: Collection[Piece], original: Mapping[str, Any]) -> None:
    """Add a field for each piece, with what the document has."""
    for piece in pieces:
        label, help_text = _WORDS.get(piece.name, (translated(piece.label), translated(piece.help)))
        if _is_box(piece, original):
            field: Any = BooleanPieceField(
                required=False, label=label, help_text=help_text, widget=UnfoldBooleanWidget()
            )
            form.initial[piece.name] = original.get(piece.name, piece.default)
        else:
            widget = piece_widget(piece)
            if piece.kind in (Kind.LONG, Kind.JSON, Kind.LINES):
                widget.attrs["rows"] = 2
            field = PieceField(piece, original, widget=widget, help_text=help_text)
            field.label = label
            form.initial[piece.name] = original.get(piece.name)
        form.fields[piece.name] = field


def with_further(form: forms.Form, pieces: Collection[Piece], target: Mapping[str, Any]) -> dict[str, Any]:
    """Return `target` with what the form says of the pieces. What nobody changed stays as it was typed."""
    boxes = [piece for piece in pieces if isinstance(form.fields[piece.name], BooleanPieceField)]
    others = [piece for piece in pieces if piece not in boxes]
    values = merged(others, {piece.name: form.cleaned_data[piece.name] for piece in others}, target)
    for piece in boxes:
        ticked, before = bool(form.cleaned_data[piece.name]), target.get(piece.name, piece.default)
        if ticked is not before:
            values.pop(piece.name, None)
            if ticked is not piece.default:
                values[piece.name] = ticked
    return values


def _is_box(piece: Piece, original: Mapping[str, Any]) -> bool:
    is_plain = isinstance(original.get(piece.name, piece.default), bool)
    return piece.kind is Kind.BOOLEAN and not piece.is_nullable and is_plain
