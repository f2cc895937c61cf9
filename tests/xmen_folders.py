"""Folders as xmen wrote them, byte for byte: those of its first, middle and last versions."""

from __future__ import annotations

import os
from pathlib import Path

COMMIT = "7b6e0734d93fdaad5cd8daac012ecef5afb237f5"
SECRET = "hunter2-hunter2-hunter2"

_HELPS = {
    "_host": "_host: Optional[str]=CONFIG.local_host ~ The name of the default host",
    "_messages": "_messages: Dict[Any, Any]={} ~ Messages left by the experiment",
    "_meta": "_meta: Optional[Dict]=None ~ The global configuration for the experiment manager",
    "_notes": "_notes: Optional[List[str]]=None ~ Notes attached to the experiment",
    "_purpose": "_purpose: Optional[str]=None ~ A description of the experiment purpose",
    "_root": "_root: Optional[str]=None ~ The root directory of the experiment",
    "_status": "_status: str=DEFAULT ~ One of ['default' | 'created' | 'running' | 'error' | "
    "'finished']",
    "_timestamps": "_timestamps: Dict[str, Optional[str]]=get_timestamps() ~ timestamps attached",
    "_user": "_user: Optional[str]=CONFIG.local_user ~ The user of the experiment",
    "_version": "_version: Optional[Dict[Any, Any]]=None ~ Experiment version information",
}

_META = """\
  mac: '0x242ac110002'
  host: node7
  user: ann
  home: /home/ann
"""

_FULL_META = f"""\
{_META}  system:
    system: Linux
    node: node7
    release: 5.4.0-65-generic
    version: '#73-Ubuntu SMP Mon Jan 18 17:25:17 UTC 2021'
    machine: x86_64
    processor: x86_64
  cpu:
    physical: 4
    total: 8
    max_freq: 3600.00Mhz
    min_freq: 800.00Mhz
    cur_freq: 2800.00Mhz
  virtual:
    total: 15.64GB
    free: 9.13GB
    used: 5.80GB
    percentage: 41.6%
  swap:
    total: 2.00GB
    free: ' 1.54GB'
    used: 470.25MB
    percentage: '23.0'
  disks:
    /dev/sda1:
      mountpoint: /
      fstype: ext4
      total: 457.45GB
    read: 12.10GB
    write: 31.70GB
  network:
    lo:
      AF_INET:
        address: 127.0.0.1
        netmask: 255.0.0.0
        broadcast: None
    sent: 1.20MB
    received: 20.02MB
  environ:
    PATH: /usr/local/bin:/usr/bin:/bin
    OMP_NUM_THREADS: '4'
    WANDB_API_KEY: {SECRET}
    PS1: \\[\\033[01;32m\\]
    BASH_FUNC_which%%: "() {{  eval which\\n}}"
"""

_VERSION = f"""\
  module: parabola.hello
  class: HelloWorld
  path: /home/ann/parabola
  git:
    local: /home/ann/parabola
    remote: https://ann:{SECRET}@example.org/ann/parabola.git
    commit: {COMMIT}
    branch: master
"""


def second(
    folder: Path,
    *,
    status: str = "finished",
    a: str = "Hello",
    b: str = "World",
    start: str = "21-02-08-19-04-32-000001",
    stopped: str = "21-02-08-19-04-35-500001",
    messages: str = " {}",
    notes: str = "",
    more: str = "",
) -> Path:
    """Write an experiment of the last version, as the experiment itself saves it: by the alphabet.

    Args:
        folder: Its folder.
        status: What `_status` says.
        a: A parameter.
        b: Another one.
        start: When it began; "" for never.
        stopped: When it ended.
        messages: What stands behind `_messages:`, with a space or a line feed in front.
        notes: The same of `_notes`.
        more: Lines at the end, such as more parameters.
    """
    h = _HELPS
    folder.mkdir(parents=True, exist_ok=True)
    text = f"""\
_host: node7  # {h["_host"]}
_messages:{_commented(messages, h["_messages"])}
_meta: # {h["_meta"]}
{_FULL_META}_notes:{_commented(notes, h["_notes"])}
_purpose: Hello world # {h["_purpose"]}
_root: {folder} # {h["_root"]}
_status: {status} # {h["_status"]}
_timestamps: # {h["_timestamps"]}
  created: 21-02-08-19-04-30-123456
  start:{f" {start}" if start else ""}
  stopped:{f" {stopped}" if stopped else ""}
  last: 21-02-08-19-04-35-400001
  registered: 21-02-08-19-04-30-123456
_user: ann # {h["_user"]}
_version: # {h["_version"]}
{_VERSION}a: {a} # a: str='Hello' ~ The first argument
b: {b} # b: str='World' ~ The second argument
{more}"""
    (folder / "params.yml").write_text(text, encoding="utf-8")
    return folder


def registered(folder: Path, a: str, b: str) -> Path:
    """Write an experiment as the manager of the last version registers it: in its own order."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "params.yml").write_text(
        f"""\
_root: {folder} # The root directory of the experiment
_status: registered # One of ['default' | 'created' | 'running' | 'error' | 'finished']
_purpose: '' # A description of the experiment purpose
_notes: # Notes attached to the experiment
_user: ann # The user of the experiment
_host: node7 # The name of the default host
_timestamps: # timestamps attached to the experiment
  created: 21-02-08-19-04-30-123456
  start:
  stopped:
  last:
  registered: 21-02-08-19-04-30-123456
_messages: {{}} # Messages left by the experiment
_version: # Experiment version information. See `get_version`
  module: parabola.hello
  class: HelloWorld
  git:
    local: /home/ann/parabola
    remote: https://example.org/ann/parabola.git
    commit: {COMMIT}
    branch: master
_meta: # The global configuration for the experiment manager
{_META}a: {a} # a: str='Hello' ~ The first argument
b: {b} # b: str='World' ~ The second argument
""",
        encoding="utf-8",
    )
    (folder / "run.sh").write_text(
        f"#!/bin/bash\n\nexec /bin/bash {folder.parent}/script.sh {folder}/params.yml\n"
        "echo EXPERIMENT FINISHED!",
        encoding="utf-8",
    )
    return folder


def second_set(root: Path) -> Path:
    """Write a set of the last version: finished, failed, registered, left running, and unlinked."""
    names = ["a=Hello__b=World", "a=Hello__b=Planet", "a=Bye__b=World", "a=Bye__b=Planet"]
    root.mkdir(parents=True)
    (root / "defaults.yml").write_text(
        f"""\
_host: node7  # {_HELPS["_host"]}
_meta: # {_HELPS["_meta"]}
{_META}_user: ann # {_HELPS["_user"]}
_version: # {_HELPS["_version"]}
{_VERSION}a: Hello # a: str='Hello' ~ The first argument
b: World # b: str='World' ~ The second argument
""",
        encoding="utf-8",
    )
    (root / "script.sh").write_text(
        f"#!/bin/bash\nexec {root}/parabola.hello.HelloWorld --execute ${{1}}", encoding="utf-8"
    )
    listed = "".join(f"- {root}/{name}\n" for name in names)
    given = "".join(
        f"- a: {name[2:].partition('__')[0]}\n  b: {name.rpartition('=')[2]}\n" for name in names
    )
    (root / "experiment.yml").write_text(
        f"""\
root: {root}
defaults: {root}/defaults.yml
script: {root}/script.sh
experiments:
{listed}overides:
{given}created: 21-02-08-19-04-29-000000
purpose: A set of greetings
notes: []
type: HelloWorld
""",
        encoding="utf-8",
    )
    done = second(
        root / names[0],
        messages="\n  length: 10\n  loss: 0.25\n  best: .nan\n  e: 3/10",
        notes="\n- odd spike\n- 'second: look'",
    )
    (done / "out.txt").write_text("Hello World\n", encoding="utf-8")
    (done / "checkpoints").mkdir()
    (done / "checkpoints" / "10.pt").write_bytes(bytes(range(256)))
    (done / "environment.yml").write_text("name: base\n", encoding="utf-8")
    (done / "run.sh").write_text("#!/bin/bash\n", encoding="utf-8")
    second(root / names[1], status="error", b="Planet", start="21-02-08-19-05-00-000000")
    registered(root / names[2], "Bye", "World")
    killed = second(root / names[3], status="running", a="Bye", b="Planet", stopped="")
    second(root / "a=Old__b=World", a="Old", start="21-02-08-18-00-00-000000")
    for name in names[3], "a=Old__b=World":
        os.utime(root / name / "params.yml", (1612811075, 1612811075))
    assert killed.is_dir()
    return root


def first(root: Path, name: str, status: str = "finished") -> Path:
    """Write an experiment of the version that kept `_name` and `_created`."""
    folder = root / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "params.yml").write_text(
        f"""\
_root: {root} #  The root directory to which the experiment belongs (should not be set)
_name: {name} #  The name of the experiment (should not be set)
_status: {status} #  The status of the experiment (one of ['default' | 'created' | 'running'])
_created: 07:41PM September 16, 2019 #  The date the experiment was created (should not be set)
_purpose: '' #  The purpose for the experiment (should not be set)
_messages: #  A dictionary of messages which are able to vary throughout the experiment
  step: '300'
_version: #  A dictonary containing the experiment version information
  module: /home/ann/parabola/hello.py
  class: AnExperiment
  git:
    local_path: /home/ann/parabola
    remote_url: git@example.org:ann/parabola.git
    hash: 80dcfd98e6c3c17e1bafa72ee56744d4a6e30e80
a: 10 #  This is the first parameter (default=3)
b: '3' #  This is the second parameter (default='4')
""",
        encoding="utf-8",
    )
    return folder


def first_set(root: Path) -> Path:
    """Write a set of that version, with a colon in its names and a default that was given."""
    root.mkdir(parents=True)
    (root / "defaults.yml").write_text(
        "_created: 06:58PM September 16, 2019 #  The date the defaults were created\n"
        "_version:\n  module: /home/ann/parabola/hello.py\n  class: AnExperiment\n"
        "a: 3 #  This is the first parameter (default=3)\n"
        "b: '4' #  This is the second parameter (default='4')\n",
        encoding="utf-8",
    )
    (root / "script.sh").write_text("#!/bin/bash\necho hello\n", encoding="utf-8")
    (root / "experiment.yml").write_text(
        f"""\
root: {root}
defaults: {root}/defaults.yml
script: {root}/script.sh
experiments:
- {root}/a:10__b:3
- {root}/a:10__b:3_1
overides:
- a: 10
  b: '3'
- a: 10
  b: '3'
created: 07:41PM September 16, 2019
""",
        encoding="utf-8",
    )
    first(root, "a:10__b:3")
    first(root, "a:10__b:3_1", status="registered")
    return root


def oldest(root: Path) -> Path:
    """Write an experiment of the first versions, whose fields are names like the parameters."""
    folder = root / "a"
    folder.mkdir(parents=True)
    (folder / "params.yml").write_text(
        f"""\
root: {root}  #  The root directory to which the experiment belongs (should not be set)
name: a #  The name of the experiment (should not be set)
status: created #  The status of the experiment (one of ['default' | 'created' | 'running'])
created: 05:59PM September 17, 2019 #  The date the experiment was created (should not be set)
purpose: '' #  The purpose for the experiment (should not be set)
messages: {{}} #  A dictionary of messages which are able to vary throughout the experiment
git: {{}} #  A dictionary containing the git history corresponding to the defaults.yml file. Only
definition: #  Of the form ``{{'path'
  path: ''
  class: AnExperiment
a: h #  A parameter (default='h')
b: 17 #  Another parameter (default=17)
""",
        encoding="utf-8",
    )
    return folder


def _commented(value: str, comment: str) -> str:
    """Return a value with the comment where xmen put it: behind the name, before what is nested."""
    if value.startswith("\n"):
        return f" # {comment}{value}"
    return f"{value} # {comment}"
