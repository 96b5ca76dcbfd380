package upstream

import "time"

// Timing is when an exchange took place, and where.
type Timing struct {
	// Address is the application's: host:port, or the path of a socket.
	Address string
	// Scheme is that of the address, such as https; empty for http.
	Scheme string
	// Asked is when the request was ready to be sent, for a Reverse when it came here. A
	// request that is sent again keeps the first.
	Asked time.Time
	// Answered is when the answer's head had come, or the exchange had failed.
	Answered time.Time
	// Status is that of the answer; 0 for none.
	Status int
}
