// Package admin is where the door tells about itself and takes orders.
//
// [Handler] is for loopback TCP: health and metrics, read-only, with the Host checked,
// since the application and any page in a browser can reach loopback too (DNS
// rebinding). Whatever changes state goes over the unix socket of [Listen], mode 0600
// in a folder of mode 0700, where the kernel says who the peer is; only the door's own
// user and root are heard. [Client] speaks to it.
//
// It does not protect against the door's own user or root.
package admin
