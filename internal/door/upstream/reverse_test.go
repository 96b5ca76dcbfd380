package upstream_test

import "testing"

// TestReverse plays over httputil.ReverseProxy what holds for both ways. Not among it is
// what only an exchange of our own promises: how strictly answers are read, what is sent
// again, when gRPC with a length is flushed, and that a handshake has no body.
func TestReverse(t *testing.T) {
	reverse = true
	t.Cleanup(func() { reverse = false })
	for _, tt := range []struct {
		name string
		test func(*testing.T)
	}{
		{"Failures", TestFailures},
		{"AnswersThatBreakAfterTheHead", TestAnswersThatBreakAfterTheHead},
		{"LengthThatPromisesLess", TestLengthThatPromisesLess},
		{"WhatTheApplicationSees", TestWhatTheApplicationSees},
		{"WhatTheClientSees", TestWhatTheClientSees},
		{"PhasesRunOnEveryPart", TestPhasesRunOnEveryPart},
		{"NewReportsEveryProblem", TestNewReportsEveryProblem},
		{"ConnectionIsUsedAgain", TestConnectionIsUsedAgain},
		{"ApplicationRestarts", TestApplicationRestarts},
		{"BodyBothWays", TestBodyBothWays},
		{"LargeBodiesPassInConstantMemory", TestLargeBodiesPassInConstantMemory},
		{"AnswerUntilClose", TestAnswerUntilClose},
		{"TrailersOnlyAnswer", TestTrailersOnlyAnswer},
		{"ManyNamesInConnection", TestManyNamesInConnection},
		{"HTTP2Clients", TestHTTP2Clients},
		{"Node", TestNode},
		{"StreamsBothWaysAtOnce", TestStreamsBothWaysAtOnce},
		{"EventStreamIsFlushedAndEndsCleanlyWhenSilent", TestEventStreamEndsCleanlyWhenSilent},
		{"DrainEndsEventStreams", TestDrainEndsEventStreams},
		{"ClientGoneIsToldAndFreesTheApplication", TestClientGoneIsToldAndFreesTheApplication},
		{"HeadOfASlowBodyIsFlushed", TestHeadOfASlowBodyIsFlushed},
		{"WebSocketPassesBothWays", TestWebSocketPassesBothWays},
		{"QuietWebSocketIsPingedAndLivesByItsPong", TestQuietWebSocketIsPingedAndLivesByItsPong},
		{"DeadWebSocketIsCut", TestDeadWebSocketIsCut},
		{"WebSocketOfAStuckApplicationIsCut", TestWebSocketOfAStuckApplicationIsCut},
		{"NoPingInsideAFrame", TestNoPingInsideAFrame},
		{"DrainSaysGoingAway", TestDrainSaysGoingAway},
		{"OtherUpgradesAreNotPassed", TestOtherUpgradesAreNotPassed},
		{"ApplicationSpeaksFirst", TestApplicationSpeaksFirst},
		{"HalfClosedWebSocket", TestHalfClosedWebSocket},
	} {
		t.Run(tt.name, tt.test)
	}
}
