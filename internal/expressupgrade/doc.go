// Package expressupgrade finds what an app uses of Express that a later major version has
// no more, with the line and what stands for it.
//
//	for _, use := range expressupgrade.Find(jsast.Load(os.DirFS("shop")), 3) {
//		fmt.Printf("%s:%d: %s is gone since Express %d: %s\n", use.File, use.Line, use.API, use.Gone, use.Instead)
//	}
//
// It goes by what flows where: an app is what express() or express.createServer() gave, a
// request or a response what a registered handler got. What has such a name only, as the
// response of another client, is left alone; so is what nobody was seen to call, and what
// only another environment than production runs. So the list is where to begin, and no
// proof that nothing else breaks.
//
// Sources: the migration guides to Express 3, 4 and 5 of expressjs.com, and the history
// of Express.
package expressupgrade
