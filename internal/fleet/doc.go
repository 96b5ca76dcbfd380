// Package fleet runs one job over many targets: it reads the list, runs some at a time,
// no two of one host, gives the results back in the order of the list, and keeps a
// journal from which a run that was ended goes on.
//
//	list, err := fleet.Read(file)
//	err = fleet.Run(ctx, list.Targets, fleet.Options[R]{Parallel: 16, Do: do, Emit: emit})
//
// Memory is bounded: a result is let go when it was given back, and when too many wait
// for one before them, no more is begun. What a stopped job returned is thrown away: it
// saw a part and must not look like the whole.
//
// What it does not do: it knows nothing of audits, and it does not repeat what failed.
package fleet
