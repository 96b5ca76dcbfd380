// Package doctor looks at what surrounds a door: ports, names, certificates, the store, the
// application. It changes nothing, and needs no running door.
//
//	for _, line := range doctor.Examine(ctx, doctor.Options{Config: cfg, Resolver: resolver}) {
//		fmt.Println(line.Verdict, line.Check, line.Subject, line.Found, line.Do)
//	}
//
// A line is "ok" for what was looked at and found right, and never for what could not be:
// that is "not checked", with the reason. What the world sees of this machine cannot be
// seen from it, so reachability from outside is never "ok" here.
//
// It speaks to what the configuration names (the application, the Redis) and to the
// resolver, and to nobody else unless Options.Online asks for it. It opens the ports of the
// configuration for a moment where no door holds them.
//
// What it does not find: a firewall, a balancer that changes what it passes on, an
// application on another machine that others reach too.
//
// Sources: RFC 8659 (CAA), RFC 1035 and 6891 (DNS).
package doctor
