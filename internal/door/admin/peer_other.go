//go:build !linux && !darwin

package admin

import "net"

const peerSupported = false

func peerUID(net.Conn) (int, error) { return -1, ErrUnsupported }
