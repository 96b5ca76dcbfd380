// Records what the npm package semver answers, for the tests of package npmsemver.
//
//   npm install semver@7.8.6 && node record.cjs > semver.json
//
// The choice of versions and ranges is pseudo-random with a fixed seed, so that a run
// with the same semver writes the same file.
'use strict'
const semver = require('semver')

let state = 20261129
const random = n => {
  state = (state + 0x6d2b79f5) | 0
  let t = Math.imul(state ^ (state >>> 15), 1 | state)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) % n
}
const pick = list => list[random(list.length)]

const odd = [
  '', ' ', '1', '1.2', '1.2.3', 'v1.2.3', 'V1.2.3', '=1.2.3', '= v 1.2.3', 'v=1.2.3', 'vv1.2.3', ' 1.2.3 ', '1.2.3.4', '01.2.3', '1.02.3', '1.2.03',
  '1.2.3-', '1.2.3--', '1.2.3-.a', '1.2.3-a..b', '1.2.3-01', '1.2.3-0', '1.2.3-0a', '1.2.3-00a', '1.2.3beta', '1.2.3beta.1', '1.2.3-beta+exp.sha.5114f85',
  '1.2.3+build', '1.2.3+', '1.2.3+001', '1.2.3+a.b', '1.2.3+a..b', '1.2.3-a+b+c', '1.2.3-é', '1.2.31.2.30', '1.2.3 4', 'latest', 'x.x.x', '1.x.3', '-1.2.3', '1.-2.3',
  '9007199254740991.0.0', '9007199254740992.0.0', '1.2.3-9007199254740990', '1.2.3-9007199254740991', '1.2.3-9007199254740992', '1.2.3-9007199254740993',
  '1.2.3-99999999999999999999999', '1.2.3-alpha', '1.2.3-alpha.1', '1.2.3-alpha.beta', '1.2.3-beta', '1.2.3-beta.2', '1.2.3-beta.11', '1.2.3-rc.1', '1.2.3-Rc.1',
  '1.2.3-1', '1.2.3-1.2', '1.2.3-10', '1.2.3-a-b', '1.2.3---1', '0.0.0', '0.0.0-0', '0.0.1', '0.1.0', '0.0.0-alpha', '5.0.0-beta.1', '1.2.3\t', '\ufeff1.2.3',
  '\u00a01.2.3', '1.2.3-' + 'a'.repeat(250), '1.2.3-' + 'a'.repeat(251), '1.' + '1'.repeat(300) + '.1',
]
const oddRanges = [
  '', '*', ' * ', 'x', 'X', 'x.x', '*.*.*', '1', '1.x', '1.X.x', '1.*', '1.2', '1.2.x', '1.2.*', '1.2.3', '=1.2.3', '==1.2.3', 'v1.2.3', '= v1.2.3', '>1', '>1.2', '>1.x', '>=1.2.x', '<1',
  '<1.2', '<=1', '<=1.2', '<=1.2.x', '<=0.7.x', '>*', '<*', '>=*', '<=*', '=*', '^*', '~*', '> 1.2.3', '>  1.2.3', '>\t1.2.3', '>= 1.2.3 < 2', '>=1.2.3 <2.0.0', '>=1.2.3<2.0.0', '>1.2.3 <1.2.5-0',
  '1.2.3 - 2.3.4', '1.2 - 2.3.4', '1 - 2', '1.2.3 - 2.3', '1.2.3 - 2', '* - 2', '1 - *', 'x - x', '1.2.3 -2.3.4', '1.2.3- 2.3.4', '1.2.3-2.3.4', '1.2.3 - 2.3.4 - 5', 'v1.2.3 - v2.0.0', '=1.2.3 - =2.0.0',
  '1.2.3-beta - 2.3.4-beta', '1.2.3-beta.1 - 2', '1.2.3+build - 2.3.4+build', '>=1.2.3 - 2', '~1', '~1.2', '~1.2.3', '~ 1.2.3', '~>1.2.3', '~> 1.2', '~>=1.2', '~ > 1', '~1.2.3-beta', '~1.2.3-beta.2', '~0', '~0.0', '~0.0.1',
  '~x', '~1.x', '~1.2.x', '~v1.2.3', '~=1.2.3', '^1', '^1.2', '^1.2.3', '^ 1.2.3', '^1.x', '^0', '^0.x', '^0.0', '^0.1', '^0.0.x', '^0.1.x', '^0.0.1', '^0.1.2', '^0.0.1-beta', '^0.1.2-beta', '^1.2.3-beta.4', '^0.0.0', '^0.0.0-0',
  '^v1.2.3', '^=1.2.3', '^^1.2.3', '^~1', '1 || 2', '1||2', '1 ||', '|| 1', '||', '|', '1 | 2', '1 ||| 2', '<1 || >2', '1.2.3 || *', '>1 <1', '<0.0.0-0', '<0.0.0-0 || 1', '>* || <*', '<0.0.0', '>=0.0.0', '>=0.0.0-0',
  '>= 0.0.0 <1', '1.2.3 1.2.4', '1.2.3 1.2.3', '* 1.2.3', '1.2.3 *', '1.2.3*', '1*', 'foo', 'latest', 'next || 1', 'git+https://x/y.git', 'file:../x', 'workspace:*', 'npm:a@1', 'x.1', 'x.1.2', '1.x.3', '1.*.3', '*.1.*',
  '1.2.3+build', '>1.2.3+b.1', '^1.2.3+build', '1.2.3 +b 2', '1 +', '01.2.3', '^01.2', '>01', '1.2.3-01', '>=1.2.3beta', '^1.2.3beta', '~1.2.3beta', '1.2.3beta - 2.0.0rc1', '1.2.3alpha || foo', 'foo 1.2.3', '>v 1.2.3',
  '> v1.2.3', '>=v1.2.3', '>=V1', '< = 1.2.3', '<= =1.2.3', '>==1.2.3', '=>1.2.3', '<>1.2.3', '!1.2.3', '!=1.2.3', '1.2.3<', '1.2.3< 2', '1.2.3 <', '>', '<', '=', '>=', '~', '^', '~>', 'v', '-', '1.2.3 -', '- 1.2.3',
  '>1.2.3-alpha <1.2.3', '>1.2.3-alpha.3 <=1.2.3-beta', '>=1.2.3-alpha || >2.0.0-rc', '>5.0.0-alpha.1', '<=5.0.0-beta.1', '>=5.0.0-alpha.1 <5.0.0-beta.2', '<5', '<5.0.0', '<5.0.0-0', '^5.0.0-beta.1', '5.x', '>=5', '9007199254740991',
  '^9007199254740991.0.0', '9007199254740992.x', '<=9007199254740991', '<=1000000000000000000000000 1.2', '^1000000000000000000000000', '  >=1.2.3   <2.0.0   ||   3.x  ', '>=1\n<2', '\u00a0^1.2.3\u3000', '1.2.3\u2028||2', 'V1.x', '^x.0', '~x.1', '^1.x.3', '~1.x.3',
  '1.2.', '.1', '1..2', '1.2.3.4', '1.2.31.4', '^1.2.31.4', '1.2.3-', '^1.2.3-', '1.2.3-a.b.c.1 || 1.2.3-a.b.c.2', '>1.2.3-a <1.2.3-b', '=x', '=1', '=1.2', '= 1', 'v=1.2.3', 'v=1', '^v=1', '~ v1', '0', '0.0', '0.0.0', '0.x', '>0', '>0.0', '<0', '<=0', '<0.1',
]
const part = () => pick(['0', '0', '1', '1', '2', '3', '4', '10', '17'])
const tag = () => pick(['alpha', 'beta', 'rc', 'a', '0', '1', '2', '10', 'x', 'Beta', 'b-1', '-', 'pre'])
const pre = () => '-' + Array.from({ length: 1 + random(3) }, tag).join('.')
const version = () => [part(), part(), part()].join('.') + (random(3) ? '' : pre()) + (random(9) ? '' : '+' + pick(['b', 'b.1', '001', 'sha-5', 'x.y.z']))
const xr = () => {
  const parts = [part(), part(), part()].slice(0, 1 + random(3))
  for (let i = random(5); i < parts.length; i++) parts[i] = pick(['x', 'X', '*', 'x'])
  return pick(['', '', '', '', 'v', '=']) + parts.join('.') + (parts.length === 3 && !random(3) ? pre() : '')
}
const comparator = () => pick(['', '', '>', '<', '>=', '<=', '=', '^', '^', '^', '~', '~', '~>']) + pick(['', '', '', ' ']) + xr()
const clause = () => random(5) ? Array.from({ length: 1 + random(3) }, comparator).join(' ') : xr() + ' - ' + xr()
const range = () => Array.from({ length: pick([1, 1, 1, 2, 3]) }, clause).join(pick([' || ', '||', ' ||']))
const alphabet = ['1', '2', '0', '.', '.', '-', '+', ' ', 'x', '*', 'a', '<', '>', '=', '^', '~', 'v', '|', '||', '1.2.3', 'beta']
const junk = () => Array.from({ length: 1 + random(9) }, () => pick(alphabet)).join('')
const list = (n, f) => Array.from({ length: n }, f)

const all = [...odd, ...list(160, version), ...list(120, junk)]
const versions = []
for (const loose of [false, true]) {
  for (const v of all) {
    const parsed = semver.parse(v, { loose })
    versions.push({ v, loose, is: parsed && parsed.version, build: parsed && parsed.build.join('.') })
  }
}
const compare = []
const pool = versions.filter(x => x.is !== null).map(x => x.v)
for (let i = 0; i < 1500; i++) {
  const a = pick(pool)
  const b = random(4) ? pick(pool) : (semver.parse(a, { loose: true }).version + pick(['', '-0', '+x', 'a']))
  if (semver.valid(b, { loose: true })) compare.push([a, b, semver.compare(a, b, { loose: true })])
}
const ranges = []
for (const r of [...oddRanges, ...list(500, range), ...list(220, junk)]) {
  for (const [loose, pres] of [[false, false], [false, true], [true, false], [true, true]]) {
    if (random(10) && !oddRanges.includes(r) && (loose !== !!(r.length % 2))) continue
    const options = { loose, includePrerelease: pres }
    const is = semver.validRange(r, options)
    const rec = { r, loose, pre: pres, is }
    if (is !== null) {
      const min = semver.minVersion(r, options)
      rec.min = min && min.version
      // Versions at and around the bounds, where mistakes are.
      const near = [...is.matchAll(/(\d+)\.(\d+)\.(\d+)(-[0-9A-Za-z.-]+)?/g)].flatMap(([all, a, b, c]) => [all, `${a}.${b}.${c}`, `${a}.${b}.${c}-0`, `${a}.${b}.${+c + 1}`, `${all}${all.includes('-') ? '.0' : '-rc.1'}`])
      const asked = new Set([...list(3, () => pick(near.length ? near : pool)), pick(pool), version(), '1.2.3'])
      rec.in = [...asked].filter(v => semver.satisfies(v, r, options))
      rec.out = [...asked].filter(v => !semver.satisfies(v, r, options))
    }
    ranges.push(rec)
  }
}
const lines = (name, list) => JSON.stringify(name) + ':[\n' + list.map(x => JSON.stringify(x)).join(',\n') + '\n]'
process.stdout.write('{"semver":' + JSON.stringify(require('semver/package.json').version) + ',\n' +
  [lines('versions', versions), lines('compare', compare), lines('ranges', ranges)].join(',\n') + '\n}\n')
