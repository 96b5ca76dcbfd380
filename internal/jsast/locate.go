package jsast

import (
	"reflect"

	"github.com/tdewolff/parse/v2/js"
)

// The parser's tree has no positions. A walk in the order of the source meets names and
// literals in the order of the tokens, so each is found as the next token of its text.
type locator struct {
	tokens []token
	next   int
	at     map[any]int
}

// ahead bounds how far a name is looked for; punctuation and keywords lie between two.
const ahead = 64

func locate(tree *js.AST, tokens []token) map[any]int {
	l := &locator{tokens: tokens, at: make(map[any]int)}
	l.statements(tree.List)
	return l.at
}

// leaf moves past the next token of the text and returns its offset, or that of the
// next token at all when it is not there.
func (l *locator) leaf(text []byte) int {
	s := string(text)
	for i := l.next; i < len(l.tokens) && i < l.next+ahead; i++ {
		t := l.tokens[i].text
		if t == s || len(t) == len(s)+2 && t[1:len(t)-1] == s {
			l.next = i + 1
			return l.tokens[i].at
		}
	}
	return l.here()
}

func (l *locator) here() int {
	if l.next < len(l.tokens) {
		return l.tokens[l.next].at
	}
	return 0
}

func (l *locator) statements(list []js.IStmt) {
	for _, s := range list {
		l.node(s)
	}
}

// node walks in the order of the source and notes where what an interpreter asks for
// stands: calls at the last name of their callee, the rest at its first token.
func (l *locator) node(n js.INode) {
	if n == nil || reflect.ValueOf(n).Kind() == reflect.Pointer && reflect.ValueOf(n).IsNil() {
		return
	}
	switch n := n.(type) {
	case *js.Var:
		l.leaf(n.Name())
	case *js.LiteralExpr:
		l.at[n] = l.leaf(n.Data)
	case *js.BlockStmt:
		l.statements(n.List)
	case *js.ExprStmt:
		l.node(n.Value)
	case *js.IfStmt:
		l.node(n.Cond)
		l.node(n.Body)
		l.node(n.Else)
	case *js.DoWhileStmt:
		l.node(n.Body)
		l.node(n.Cond)
	case *js.WhileStmt:
		l.node(n.Cond)
		l.node(n.Body)
	case *js.ForStmt:
		l.node(n.Init)
		l.node(n.Cond)
		l.node(n.Post)
		l.node(n.Body)
	case *js.ForInStmt:
		l.node(n.Init)
		l.node(n.Value)
		l.node(n.Body)
	case *js.ForOfStmt:
		l.node(n.Init)
		l.node(n.Value)
		l.node(n.Body)
	case *js.SwitchStmt:
		l.node(n.Init)
		for i := range n.List {
			l.node(n.List[i].Cond)
			l.statements(n.List[i].List)
		}
	case *js.ReturnStmt:
		l.node(n.Value)
	case *js.WithStmt:
		l.node(n.Cond)
		l.node(n.Body)
	case *js.LabelledStmt:
		l.leaf(n.Label)
		l.node(n.Value)
	case *js.ThrowStmt:
		l.node(n.Value)
	case *js.TryStmt:
		l.node(n.Body)
		l.node(n.Binding)
		l.node(n.Catch)
		l.node(n.Finally)
	case *js.ImportStmt:
		l.at[n] = l.here()
		l.leaf(n.Module)
	case *js.ExportStmt:
		l.at[n] = l.here()
		l.node(n.Decl)
		if n.Module != nil {
			l.leaf(n.Module)
		}
	case *js.DirectivePrologueStmt:
		l.leaf(n.Value)
	case *js.VarDecl:
		for i := range n.List {
			l.element(&n.List[i])
		}
	case *js.FuncDecl:
		l.at[n] = l.here()
		if n.Name != nil {
			l.at[n] = l.leaf(n.Name.Name())
		}
		l.params(&n.Params)
		l.statements(n.Body.List)
	case *js.MethodDecl:
		l.name(&n.Name.PropertyName)
		if n.Name.Private != nil {
			l.leaf(n.Name.Private.Name())
		}
		l.at[n] = l.here()
		l.params(&n.Params)
		l.statements(n.Body.List)
	case *js.ArrowFunc:
		l.at[n] = l.here()
		l.params(&n.Params)
		l.statements(n.Body.List)
	case *js.ClassDecl:
		l.class(n)
	default:
		l.expression(n)
	}
}

func (l *locator) expression(n js.INode) {
	switch n := n.(type) {
	case *js.ArrayExpr:
		l.at[n] = l.here()
		for _, e := range n.List {
			l.node(e.Value)
		}
	case *js.ObjectExpr:
		l.at[n] = l.here()
		for i := range n.List {
			p := &n.List[i]
			if p.Name != nil {
				l.at[p] = l.name(p.Name)
				// A shorthand is one token for the name and the value.
				if v, ok := p.Value.(*js.Var); ok && p.Name.IsIdent(v.Name()) && (l.next >= len(l.tokens) || l.tokens[l.next].kind != js.ColonToken) {
					l.node(p.Init)
					continue
				}
			} else {
				l.at[p] = l.here()
			}
			l.node(p.Value)
			l.node(p.Init)
		}
	case *js.TemplateExpr:
		l.node(n.Tag)
		l.at[n] = l.here()
		for _, part := range n.List {
			l.leaf(part.Value)
			l.node(part.Expr)
		}
		l.leaf(n.Tail)
	case *js.GroupExpr:
		l.node(n.X)
	case *js.IndexExpr:
		l.node(n.X)
		l.at[n] = l.here()
		l.node(n.Y)
	case *js.DotExpr:
		l.node(n.X)
		l.at[n] = l.leaf([]byte(dotName(n)))
	case *js.NewExpr:
		l.at[n] = l.here()
		l.node(n.X)
		if n.Args != nil {
			l.args(n.Args)
		}
	case *js.CallExpr:
		l.node(n.X)
		if l.next > 0 {
			l.at[n] = l.tokens[l.next-1].at
		}
		l.args(&n.Args)
	case *js.UnaryExpr:
		l.node(n.X)
	case *js.BinaryExpr:
		l.node(n.X)
		if l.next > 0 {
			l.at[n] = l.tokens[l.next-1].at
		}
		l.node(n.Y)
	case *js.CondExpr:
		l.node(n.Cond)
		l.node(n.X)
		l.node(n.Y)
	case *js.YieldExpr:
		l.node(n.X)
	case *js.CommaExpr:
		for _, x := range n.List {
			l.node(x)
		}
	case *js.BindingArray:
		for i := range n.List {
			l.element(&n.List[i])
		}
		l.node(n.Rest)
	case *js.BindingObject:
		for i := range n.List {
			item := &n.List[i]
			if item.Key != nil {
				if v, ok := item.Value.Binding.(*js.Var); !ok || !item.Key.IsIdent(v.Name()) {
					l.name(item.Key)
				}
			}
			l.element(&item.Value)
		}
		if n.Rest != nil {
			l.leaf(n.Rest.Name())
		}
	}
}

func (l *locator) args(a *js.Args) {
	for _, arg := range a.List {
		l.node(arg.Value)
	}
}

func (l *locator) name(n *js.PropertyName) int {
	if n.Computed != nil {
		at := l.here()
		l.node(n.Computed)
		return at
	}
	if len(n.Literal.Data) == 0 {
		return l.here()
	}
	return l.leaf(n.Literal.Data)
}

func (l *locator) element(e *js.BindingElement) {
	l.node(e.Binding)
	l.node(e.Default)
}

func (l *locator) params(p *js.Params) {
	for i := range p.List {
		l.element(&p.List[i])
	}
	l.node(p.Rest)
}

func (l *locator) class(n *js.ClassDecl) {
	l.at[n] = l.here()
	if n.Name != nil {
		l.at[n] = l.leaf(n.Name.Name())
	}
	l.node(n.Extends)
	for i := range n.List {
		e := &n.List[i]
		switch {
		case e.StaticBlock != nil:
			l.statements(e.StaticBlock.List)
		case e.Method != nil:
			l.node(e.Method)
		default:
			l.name(&e.Field.Name.PropertyName)
			if e.Field.Name.Private != nil {
				l.leaf(e.Field.Name.Private.Name())
			}
			l.node(e.Field.Init)
		}
	}
}
