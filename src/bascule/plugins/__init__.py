"""How anything is added: one module, no existing file edited.

`kinds` says what each kind of plug-in promises; `registry` finds them; `testing` runs every plug-in's own examples;
`readers` are the bounded, total readers of untrusted bytes that plug-ins share.
"""
