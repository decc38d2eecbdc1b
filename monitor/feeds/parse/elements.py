"""What the elements of feeds mean to the fast path. Facts only: how they are read is in `fast`.

* A name is written "dc:date": the prefix stands for the namespace, whatever the feed calls it.
* An element that is in no table here makes the fast path unsure.
"""

from __future__ import annotations

import re
from typing import Final

# Namespaces whose elements have a meaning; "" stands for those of RSS and Atom themselves.
PREFIXES: Final = {
    "": "",
    "http://www.w3.org/2005/atom": "",
    "http://purl.org/atom/ns#": "",
    "http://purl.org/rss/1.0/": "",
    "http://my.netscape.com/rdf/simple/0.9/": "",
    "http://www.w3.org/1999/02/22-rdf-syntax-ns#": "rdf:",
    "http://purl.org/rss/1.0/modules/content/": "content:",
    "http://purl.org/dc/elements/1.1/": "dc:",
    "http://purl.org/dc/terms/": "dcterms:",
    "http://search.yahoo.com/mrss/": "media:",
    "http://search.yahoo.com/mrss": "media:",
    "http://www.itunes.com/dtds/podcast-1.0.dtd": "itunes:",
    "http://purl.org/rss/1.0/modules/slash/": "slash:",
    "http://purl.org/rss/1.0/modules/syndication/": "sy:",
    "http://wellformedweb.org/commentapi/": "wfw:",
}
# Elements of an entry that mean something to us, and what.
KINDS: Final = {
    "title": "title",
    "link": "link",
    "guid": "id",
    "id": "id",
    "description": "description",
    "summary": "summary",
    "content": "content",
    "content:encoded": "encoded",
    "pubdate": "published",
    "published": "published",
    "issued": "published",
    "dcterms:issued": "published",
    "updated": "updated",
    "modified": "updated",
    "dc:date": "updated",
    "dcterms:modified": "updated",
    "created": "created",
    "dcterms:created": "created",
    "source": "source",
    "media:title": "",  # feedparser heeds it only where there is no title
}
# Elements that feedparser reads for what we do not keep; with what may stand in them.
PASSED_OVER: Final = frozenset(
    re.findall(
        r"\S+",
        """author contributor name uri url email category comments enclosure rights copyright
        generator subtitle tagline icon logo cloud docs ttl skiphours skipdays hour day
        rating webmaster managingeditor items keywords homepage language lastbuilddate
        dc:creator dc:author dc:subject dc:publisher dc:rights dc:language dc:contributor
        dc:identifier dc:type dc:format dc:source media:content media:group media:thumbnail
        media:credit media:category media:keywords media:rating media:restriction
        media:license media:player media:text media:title itunes:author itunes:subtitle
        itunes:image itunes:category itunes:owner itunes:name itunes:email itunes:keywords
        itunes:explicit itunes:block itunes:duration itunes:title itunes:type
        itunes:episodetype itunes:episode itunes:season rdf:seq rdf:li rdf:bag""",
    )
)
HARMLESS_PREFIXES: Final = ("slash:", "sy:", "wfw:")
# In a namespace we do not know, an element of one of these names may be anything.
MEANINGFUL: Final = frozenset(
    re.findall(
        r"\S+",
        """title link guid id description abstract summary content encoded body fullitem
        xhtml_body pubdate published issued updated modified lastbuilddate date created
        source item entry channel feed rss rdf image textinput language subtitle info
        guidislink where title_detail summary_detail published_parsed updated_parsed
        created_parsed""",
    )
)
IN_IMAGE: Final = frozenset({"title", "link", "description", "url", "href", "width", "height"})
IN_TEXT_INPUT: Final = frozenset({"title", "link", "description", "name"})
