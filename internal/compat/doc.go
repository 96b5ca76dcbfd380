// Package compat holds the compatibility suite: apps of the kinds that a security door
// could break, unmodified and made of real npm packages, in a real browser, with and
// without the door in front. It has no code of its own outside its tests.
//
// app/ has the apps and the browser's driver, in JavaScript; install.sh puts their npm
// packages into a folder outside the tree; services.sh installs the programs. Every row
// is first run with a plain TLS proxy in the door's place: a row that fails there tells
// nothing about the door, and one that cannot fail tells nothing at all, so the suite has
// rows too whose answer must differ behind the door.
//
// Nothing here leaves the machine: every server is on loopback, and the browser resolves
// *.localhost and nothing else.
package compat
