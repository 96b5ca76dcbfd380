package conceal

import "regexp"

// traceRule recognises one kind of line of a stack trace.
type traceRule struct {
	language string
	part     part
	// need is text without which the pattern cannot match; it spares the pattern.
	need string
	// pattern is matched against one line, blanks at its ends removed.
	pattern string

	compiled *regexp.Regexp
}

// part is what a line is to a trace. Two frames are a trace, so are a frame and a
// head; alone, only a telltale is.
type part uint8

const (
	frame    part = iota // one call
	head                 // what stands above frames
	telltale             // what nobody writes by hand
)

// traceRules are facts about what languages print. Their order is that of the cheaper
// and the more common first; a line counts once.
var traceRules = []traceRule{
	// JavaScript: V8 (Node, Deno, Bun), then the form of JavaScriptCore and SpiderMonkey.
	{language: "javascript", need: "at ", pattern: `^at (?:.*[ (])?\(?(?:[A-Za-z-]+:|\.{0,2}/|[\w@.-]+[./]).*:\d+:\d+\)*,?$`},
	{language: "javascript", need: "at ", pattern: `^at [\w$.<>\[\] ]+ \((?:<anonymous>|native|index \d+)\)$`},
	{language: "javascript", need: "@", pattern: `^[\w$.<>/\[\] ]*@(?:file://|https?://|/|webpack).*:\d+:\d+$`},

	// Java, Kotlin, Scala, Clojure, ColdFusion.
	{language: "java", need: "at ", pattern: `^at (?:[\w.$@-]+/+)*[\w.$<>]+\.[\w$<>-]+\((?:[\w$./\\:+-]+\.\w+(?::\d+)?|Native Method|Unknown Source|<generated>|)\)(?: ~?\[.*\])?$`},
	{language: "java", part: head, need: "Caused by: ", pattern: `^Caused by: [\w.$]+`},
	{language: "java", part: head, need: "Exception in thread", pattern: `^Exception in thread "`},
	{language: "java", part: head, need: ".", pattern: `^[a-z]\w*(?:\.\w+)+\$?\w*(?:Exception|Error)(?:: .*)?$`},
	{language: "java", need: " more", pattern: `^\.\.\. \d+ (?:more|common frames omitted)$`},

	// .NET, with and without symbols; ASP.NET's yellow page adds an offset.
	{language: "dotnet", need: "at ", pattern: "^at [\\w.<>+`\\[\\],|$ ]+\\.[\\w<>+`\\[\\],|$.]+\\(.*\\)(?: in .+:line \\d+)?$"},
	{language: "dotnet", need: ") +", pattern: "^[\\w.<>+`\\[\\],|$]+\\.[\\w<>+`\\[\\],|$.]+\\(.*\\) \\+\\d+$"},
	{language: "dotnet", part: head, need: "---", pattern: `^-+ ?(?:End of (?:inner exception )?stack trace|> \w)`},
	{language: "dotnet", part: head, need: "Exception", pattern: `^\[?[A-Z]\w*(?:\.\w+)*Exception(?: \(0x[0-9a-fA-F]+\))?: `},

	// Python.
	{language: "python", part: head, need: "Traceback", pattern: `^(?:.*: )?Traceback \(most recent call last\)`},
	{language: "python", need: `File "`, pattern: `^File "[^"]*", line \d+(?:, in .*)?$`},

	// Go.
	{language: "go", part: head, need: "goroutine ", pattern: `^goroutine \d+ \[[^\]]+\]:$`},
	{language: "go", part: head, need: "panic: ", pattern: `^(?:http: )?panic(?: serving \S+)?: `},
	{language: "go", need: ".go:", pattern: `^(?:[/.\w-]|[A-Za-z]:)\S*\.go:\d+(?: \+0x[0-9a-f]+)?$`},

	// PHP: an exception's trace, and the messages that display_errors prints.
	{language: "php", need: "#", pattern: `^#\d+ (?:.*\.(?:php|phtml|inc|module)\(\d+\)|\[internal function\]|\{main\})`},
	{language: "php", part: head, need: "tack trace:", pattern: `^(?:PHP )?[Ss]tack trace:$`},
	{language: "php", part: telltale, need: " on line ", pattern: `^(?:PHP )?(?:Fatal error|Parse error|Recoverable fatal error|Warning|Notice|Deprecated|Strict Standards) ?: +.* in \S+\.(?:php|phtml|inc|module)(?:\(\d+\))?.* on line \d+$`},

	// Ruby, and Crystal's like form.
	{language: "ruby", need: ":in ", pattern: "^(?:from |#?\\d+:? +)?[\\w./@~+ <>()-]+\\.(?:rb|erb|haml|slim|ru|rake|cr):\\d+(?::\\d+)?:in [`'‘\"]"},
	{language: "ruby", need: ":in ", pattern: "^(?:from )?<internal:[\\w/-]+>:\\d+:in [`'‘\"]"},

	// Rust.
	{language: "rust", part: head, need: "panicked at ", pattern: `^thread '.*' (?:\(\d+\) )?panicked at `},
	{language: "rust", part: head, need: "tack backtrace:", pattern: `^[sS]tack backtrace:$`},
	{language: "rust", need: ".rs:", pattern: `^at \S*\.rs:\d+(?::\d+)?$`},
	{language: "rust", need: "::", pattern: `^\d+: +(?:0x[0-9a-f]+ - )?[<\w][^ ]*::.*[\w>})]$`},

	// Perl: die names the file and line by itself.
	{language: "perl", need: " called at ", pattern: `^\S.* called at \S+ line \d+\.?$`},
	{language: "perl", part: telltale, need: " line ", pattern: ` at \S+\.(?:pl|pm|cgi|fcgi|psgi|t) line \d+(?:, <\w+> line \d+)?\.$`},

	// Elixir and Erlang.
	{language: "elixir", part: head, need: "** (", pattern: `^(?:\[\w+\] )?\*\* \([\w. ]+\)`},
	{language: "elixir", need: ".e", pattern: `^(?:\([\w.]+(?: [\w.+-]+)?\) )?[\w./-]+\.(?:exs?|h?eex|leex|erl):\d+: \S`},
	{language: "erlang", part: telltale, need: `{file,"`, pattern: `\{file,"[^"]+"\},\{line,\d+\}`},

	// C, C++, Swift: gdb and the sanitisers.
	{language: "native", need: "0x", pattern: `^#\d+ +0x[0-9a-f]+ (?:in|at) `},

	// Lua, with OpenResty.
	{language: "lua", part: head, need: "stack traceback:", pattern: `stack traceback:$`},
	{language: "lua", need: ": in ", pattern: `^(?:\[C\]|[\w./\[\]" =()-]+:\d+): in (?:function|main chunk|upvalue|local|method|field|metamethod)`},

	// Dart, Haskell, OCaml, R.
	{language: "dart", need: "#", pattern: `^#\d+ +.+ \((?:package|dart|file):.+\)$`},
	{language: "haskell", part: head, need: "HasCallStack", pattern: `^CallStack \(from HasCallStack\)`},
	{language: "haskell", need: ", called at ", pattern: `^.+, called at .+:\d+:\d+ in `},
	{language: "ocaml", need: `file "`, pattern: `^(?:Raised (?:at|by primitive operation at)|Re-raised at|Called from) .*file "[^"]+"(?: \(inlined\))?, lines? \d+`},
}
