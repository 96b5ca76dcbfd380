// Package handover is how a door starts the one that takes over from it, and how the two
// speak meanwhile: the process, the sockets that it inherits, and a channel of small
// messages between them.
//
//	to, err := handover.Start(program, files) // in the old one
//	err = to.Send("hello", …)
//	from, err := handover.Inherited()         // in the new one; nil when nobody hands over
//
// What is said is the door's affair (docs/decisions/0014). The channel is a socket pair that
// nobody else can open. Its other end is a program of the same user, of another
// version perhaps: messages are JSON within bounds, and a field that one of the two does
// not know is skipped.
//
// It is for systems with descriptors that a child inherits; elsewhere Start is [ErrUnsupported].
package handover

import "errors"

// ErrUnsupported says that this system passes no sockets to a child.
var ErrUnsupported = errors.New("handover: this system passes no open sockets to another process; restart the door instead")
