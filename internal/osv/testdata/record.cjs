// Records base scores of CVSS vectors by the npm package ae-cvss-calculator, for the tests
// of package osv:
//
//   npm install ae-cvss-calculator@1.0.13 && node record.cjs > cvss.txt
'use strict'
const { Cvss4P0, Cvss3P1, Cvss3P0 } = require('ae-cvss-calculator')
let state = 20261129
const random = n => {
  state = (state + 0x6d2b79f5) | 0
  let t = Math.imul(state ^ (state >>> 15), 1 | state)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) % n
}
const pick = s => s[random(s.length)]
const three = { AV: 'NALP', AC: 'LH', PR: 'NLH', UI: 'NR', S: 'UC', C: 'HLN', I: 'HLN', A: 'HLN' }
const four = { AV: 'NALP', AC: 'LH', AT: 'NP', PR: 'NLH', UI: 'NPA', VC: 'HLN', VI: 'HLN', VA: 'HLN', SC: 'HLN', SI: 'HLN', SA: 'HLN' }
const vector = (prefix, m) => prefix + Object.keys(m).map(k => '/' + k + ':' + pick(m[k])).join('')
const seen = new Set()
for (let i = 0; i < 2400; i++) {
  const kind = pick(['3.0', '3.1', '4.0', '4.0'])
  const v = vector('CVSS:' + kind, kind === '4.0' ? four : three) + (kind === '4.0' && !random(4) ? '/E:' + pick('APU') : '')
  if (seen.has(v)) continue
  seen.add(v)
  const c = kind === '4.0' ? new Cvss4P0(v) : kind === '3.1' ? new Cvss3P1(v) : new Cvss3P0(v)
  const s = c.calculateScores()
  console.log(v, kind === '4.0' ? s.overall : s.base)
}
