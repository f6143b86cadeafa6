"""The commands, a module each. Only this package prints and exits."""
