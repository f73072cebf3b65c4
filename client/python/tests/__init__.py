"""Tests of the installed package, against services that `strongroom-sim` simulates. `scripts/build-wheel --test` runs them."""
