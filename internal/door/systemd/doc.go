// Package systemd speaks with the service manager: it tells it how the door is
// (sd_notify), takes the sockets that it has opened (LISTEN_FDS), and knows how often it
// wants to hear that the door is alive (WATCHDOG_USEC).
//
//	manager := systemd.FromEnv() // nil without one
//	manager.Ready("serving")
//	sockets, err := systemd.Sockets()
//
// All of it is environment variables and datagrams to a unix socket, so any manager that
// keeps the same protocol will do. Nothing here fails a door: a message that nobody takes is lost.
//
// Sources: sd_notify(3), sd_listen_fds(3), sd_watchdog_enabled(3).
package systemd
