// Package balance says which of several addresses of one application a request goes to, and
// knows which of them are well.
//
//	keeper := balance.NewKeeper(told)           // the door's, for its whole life
//	m := keeper.Member("api", "http://10.0.0.5:3000")
//	set := balance.NewSet(balance.TwoChoices, m, other)
//	i, trial := set.Pick(client, safe, balance.None)
//
// A [Member] is well until something shows the opposite:
//
//   - It could not be connected to: it is lost. The keeper tries to connect, first after
//     100 ms and then up to each second, and no request is spent on that.
//   - It did not answer in time: it is slow, and put aside for 100 ms, twice as long each
//     time up to a second. After that one request at a time that may be repeated is its
//     trial, and 5 s later any request is. Any answer ends it.
//   - Questions of the door's own failed ([Check]): it is down until they are answered.
//
// Where no member is well, the least bad is picked: a guess is better than a refusal.
//
// Members are known by group and address and belong to the [Keeper], so that what is known
// of them survives a reload. It does not see an application that answers nonsense quickly;
// a Check does.
//
// Sources: M. Mitzenmacher, The Power of Two Choices in Randomized Load Balancing (2001);
// D. Thaler and C. Ravishankar, rendezvous hashing (1998).
package balance
