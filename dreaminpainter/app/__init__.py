"""The web page of `serve`: a hole painted by hand, filled while one watches.

Reading order: `jobs` (what is asked for), `attention_share` and `studio` (the work, without any page), `inputs` (what
the page and its API hand over), `records` (what is kept of a fill), `examples`, `views` (what is told in words), `page`
(where everything stands), `answers` (what happens on a click), `server`.
"""
