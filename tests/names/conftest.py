"""Programs to compile."""

from library.compiled import build as build

