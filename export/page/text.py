"""The page's text: one HTML file with its style, its scripts, and a model in it."""

import base64
import html
import importlib.resources
import json

FILES = ("page.html", "page.css", "network.js", "page.js")


def page(facts: dict, programs: dict | None = None, blob: bytes = b"") -> str:
    """The page as one HTML file without any request to elsewhere.

    Args:
        facts: of the model, as `facts.of` finds them; `remote` in them says who computes where no program does.
        programs: name -> program as `program.packed` describes it; None where a server computes.
        blob: the programs' constants.
    """
    parts = {name: (importlib.resources.files("export.page") / name).read_text(encoding="utf-8") for name in FILES}
    model = {"facts": facts, "programs": programs, "blob": base64.b64encode(blob).decode()}
    text = parts["page.html"].replace("{{title}}", html.escape(f"{facts['name']} - a code to move"))
    for mark, content in (
        ("{{style}}", parts["page.css"]),
        ("{{network}}", parts["network.js"]),
        ("{{script}}", parts["page.js"]),
        ("{{model}}", json.dumps(model).replace("<", "\\u003c")),  # which cannot end the script
    ):
        before, after = text.split(mark)
        text = f"{before}{content}{after}"
    return text
