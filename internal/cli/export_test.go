package cli

// PracticePages are docs/practices as the tables have them.
var PracticePages = practicePages
