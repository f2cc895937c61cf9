"""Recording any program as a child process, and what happens inside a Python one."""
