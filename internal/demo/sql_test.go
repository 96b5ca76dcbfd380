package demo

import (
	"strings"
	"testing"
	"time"
)

func TestEvaluate(t *testing.T) {
	for _, tc := range []struct{ name, query, want, err string }{
		{"all", "SELECT name FROM users", "demo|admin", ""},
		{"star", "select * from users where name='admin'", "admin,hunter2,admin@shop.localhost", ""},
		{"like", "SELECT id FROM products WHERE name LIKE '%shield%'", "shield", ""},
		{"tautology", "SELECT name FROM users WHERE name = '' OR '1'='1'", "demo|admin", ""},
		{"and before or", "SELECT name FROM users WHERE name='demo' OR name='admin' AND password='x'", "demo", ""},
		{"not and parentheses", "SELECT name FROM users WHERE NOT (name='demo')", "admin", ""},
		{"comment", "SELECT name FROM users WHERE name='admin' -- ' AND x", "admin", ""},
		{"union", "SELECT id FROM products WHERE id='x' UNION ALL SELECT password FROM users", "demo|hunter2", ""},
		{"literal", "SELECT 1, 'it''s', null FROM users WHERE name='demo'", "1,it's,", ""},
		{"stacked", "SELECT name FROM users WHERE name='demo'; DROP TABLE users", "demo", ""},
		{"open text", "SELECT name FROM users WHERE name='", "", "unrecognized token"},
		{"no table", "SELECT a FROM secrets", "", "no such table: secrets"},
		{"no column", "SELECT a FROM users", "", "no such column: a"},
		{"union of unequal", "SELECT name FROM users UNION SELECT name, email FROM users", "", "same number of result columns"},
		{"not a select", "DROP TABLE users", "", "syntax error"},
		{"cut", "SELECT name FROM users WHERE name =", "", "incomplete input"},
		{"too long", strings.Repeat(" ", maxQuery+1), "", "too long"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rows, err := evaluate(tc.query)
			var lines []string
			for _, row := range rows {
				lines = append(lines, strings.Join(row, ","))
			}
			if got := strings.Join(lines, "|"); got != tc.want {
				t.Errorf("evaluate(%q) = %q, want %q", tc.query, got, tc.want)
			}
			if (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
				t.Errorf("evaluate(%q) error = %v, want %q", tc.query, err, tc.err)
			}
		})
	}
}

func FuzzEvaluate(f *testing.F) {
	for _, s := range []string{"", "' OR 1=1 --", "' UNION SELECT name, password, email FROM users -- ", "((((", "%' AND NOT NOT ("} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, input string) {
		start := time.Now()
		rows, err := evaluate("SELECT id, name FROM products WHERE name LIKE '%" + input + "%'")
		if err != nil && rows != nil {
			t.Errorf("evaluate gave rows and the error %v, want one of them", err)
		}
		if took := time.Since(start); took > time.Second {
			t.Errorf("evaluate took %v, want it bounded", took)
		}
	})
}

func TestBacktrack(t *testing.T) {
	for text, want := range map[string]bool{"a@b": true, "demo@shop.localhost": true, "demo": false, "@b": false, "a@": false, "a@B": false, "": false} {
		if got := backtrack(text, time.Now().Add(slowest)); got != want {
			t.Errorf("backtrack(%q) = %v, want %v", text, got, want)
		}
	}
}
