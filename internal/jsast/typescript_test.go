package jsast_test

import (
	"testing"
	"testing/fstest"

	"github.com/panoplysec/panoply/internal/jsast"
)

func TestTypeScript(t *testing.T) {
	for _, tt := range []struct{ name, source string }{
		{"variables", "const a: string = 'x'; let b: number | undefined, c: Array<Map<string, number[]>> = []; see(a)"},
		{"patterns", "const { a, b }: { a: string; b: number } = { a: 'x', b: 1 }; see(a)"},
		{"parameters", "function f(a: string, b?: number, ...c: unknown[]): string { return a } see(f('x'))"},
		{"arrows", "const f = async (a: string): Promise<string> => a; const g = (a?: string) => a; see('x')"},
		{"function types", "const f: (a: string, b?: () => void) => string = a => a; see(f('x'))"},
		{"return of a function type", "function f(a: string): () => string { return () => a } see(f('x')())"},
		{"generics", "function f<T extends object = {}>(a: T): T { return a } see(f<string>('x'))"},
		{"comparisons stay", "const a = 1 < 2 && 3 > (4); see('x')"},
		{"assertions", "const a = ('x' as unknown) as string; const o = { a: 1 } as const; see(a!)"},
		{"satisfies", "const o = { a: 'x' } satisfies Record<string, string>; see(o.a)"},
		{"as is a name too", "const as = 'x'; const o = { as, type: 1, from: as }; see(o.from)"},
		{"aliases", "type A = { a: string } | 'b'\ntype F<T> = (a: T) => void;\nexport type G = typeof see\nsee('x')"},
		{"interfaces", "export interface A extends B<string> { a?: string; b(): void }\nsee('x')"},
		{"enums", "export enum A { B = 'b' }\nconst enum C { D }\nsee('x')"},
		{"ambient", "declare global { interface Window { a: string } }\ndeclare const x: string\nsee('x')"},
		{"imports", "import type { A } from './a'\nimport { type B, c } from 'b'\nimport d, { type E } from 'e'\nsee('x')"},
		{"import of a require", "import a = require('express')\nsee('x')"},
		{"classes", "@Injectable()\nexport abstract class A<T> extends B<T> implements C, D {\n  private readonly a: string = 'x'\n  static b?: number\n  @Input() c!: string\n  constructor(private d: string, public e = 1) { super() }\n  protected get f(): string { return this.a }\n  async g<U>(u: U): Promise<void> {}\n}\nsee('x')"},
		{"decorated parameters", "class A { constructor(@Inject('b') private readonly b: B.C, @Inject(D) e?: E) {} }\nsee('x')"},
		{"ternaries stay", "const a = process.env.X ? (see) : (see); a('x')"},
		{"conditions with brackets", "const ok = true; const a = ok ? ('x') : 'y'; see(a)"},
		{"objects stay", "const o = { a: 'x', b: [1], c: (1), 'd': { e: 1 } }; switch (o.a) { case 'x': see(o.a) }"},
		{"labels and cases", "switch ('x') { case 'y': break; default: see('x') }"},
		{"reserved words as names", "const o: any = { new: 'x' }; const a = o.new as string; const b = o.default! / 2; see(a)"},
		{"non-null", "const o: any = { a: ['x'] }; see(o!.a![0]!)"},
		{"not is no non-null", "const a = !1; if (a) {} else if (!a) see('x')"},
		{"predicates", "function f(a: unknown): a is string { return true }\nfunction g(a: unknown): asserts a is string {}\nsee('x')"},
		{"catch", "try { throw 1 } catch (e: unknown) { } see('x')"},
		{"keyed types", "const a: Foo['bar'][number] = 'x'; type K = keyof typeof a; see(a)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := jsast.Load(fstest.MapFS{"a.ts": {Data: []byte(tt.source)}})
			for _, s := range p.Skipped {
				if s.Line == 0 {
					t.Fatalf("%s %s", s.File, s.Reason)
				}
			}
			for _, c := range p.Calls {
				if c.Callee == "see" && c.Arg(0).Kind == jsast.String && c.Arg(0).Text == "x" {
					return
				}
			}
			t.Errorf("calls = %v, want see('x')", p.Calls)
		})
	}
	t.Run("what is not known is told", func(t *testing.T) {
		p := jsast.Load(fstest.MapFS{"a.ts": {Data: []byte("import express from 'express'\nnamespace A { export const b = 1 }\nfunction f(a: string): void;\nfunction f(a: any) {}\n")}})
		if len(p.Unseen()) != 1 {
			t.Errorf("Unseen() = %+v, want the file", p.Unseen())
		}
	})
}
