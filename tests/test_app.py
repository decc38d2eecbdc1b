"""The application: the real parts agree with each other."""

from datetime import timedelta

import pytest

from monitor.app import App


@pytest.fixture
def configured(tmp_path):
    def configure(text):
        path = tmp_path / "config.yaml"
        path.write_text(text, encoding="utf-8")
        return App.load(path, environ={})

    return configure


@pytest.mark.parametrize(
    "delivery", ["{}", "{smtp: {host: mail.example.com, timeout: 10m}}"], ids=["folder", "smtp"]
)
def test_a_delivery_is_claimed_for_longer_than_it_may_take(configured, delivery):
    """No other worker takes a delivery up while its hand-over may still be under way."""
    app = configured(f"feeds: []\ndelivery: {delivery}\n")
    smtp = app.config.delivery.smtp
    longest = smtp.timeout if smtp else timedelta()
    assert app.delivery_lease >= longest + timedelta(minutes=1)
