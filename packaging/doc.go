// Package packaging holds no code: beside it lies what puts the program on a server, and
// its tests build, read and run that as far as it goes without a container engine.
package packaging
