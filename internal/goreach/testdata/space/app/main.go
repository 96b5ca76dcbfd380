package main

import "lib.test/member"

func main() { member.Bad() }
