// Fills in what the real packages say of recorded answers:
//
//	node record.mjs v4=<folder of src of 1.4.8> v6=<folder of src of the head> <file.json>
//
// The file is differential.json or of its form; each case's "expect" is written anew,
// with only the tests whose verdict is not that of the base. Both folders need
// conf/hsts-preload.json beside them, made of the file's hsts_preload_list; this script
// needs axios and tough-cookie where node finds them. See README.md.
import fs from "node:fs";
import path from "node:path";
import { AxiosHeaders } from "axios";
import { CookieJar } from "tough-cookie";

// Node before 22 has no set operations, which the head uses.
Set.prototype.union ??= function (other) { return new Set([...this, ...other]); };

const args = process.argv.slice(2);
const file = args.pop();
const packages = {};
for (const arg of args) {
  const [version, folder] = arg.split("=");
  const load = (name) => import(path.resolve(folder, name));
  packages[version] = {
    ...(await load("constants.js")), ...(await load("types.js")),
    ...(await load("grader/grader.js")), ...(await load("retriever/utils.js")),
    Site: version === "v6" ? (await load("site.js")).Site : null,
  };
}

// grade is the loop of the scanner, around requests that were never made.
function grade(version, answer) {
  const pkg = packages[version];
  const requests = new pkg.Requests(pkg.Site ? new pkg.Site(answer.hostname, undefined, "/") : answer.hostname);
  const response = (verified) => ({ headers: new AxiosHeaders(answer.headers), status: answer.status, verified });
  const responses = requests.responses;
  responses.https = answer.https.available ? response(answer.https.verified) : null;
  responses.http = answer.http.available ? response(answer.http.verified) : null;
  responses.auto = responses.https ?? responses.http;
  responses.httpRedirects = answer.http_redirects.map((hop) => ({ url: new URL(hop.url), status: hop.status }));
  responses.httpsRedirects = responses.httpRedirects;
  responses.cors = answer.cors && {
    headers: new AxiosHeaders(answer.cors.headers), verified: true,
    request: { headers: { origin: answer.cors.request_origin } },
  };
  const jar = new CookieJar();
  for (const cookie of [answer.headers["set-cookie"] ?? []].flat()) {
    jar.setCookieSync(cookie, answer.final_url, { ignoreError: true });
  }
  requests.session = { url: new URL(answer.final_url), jar };
  requests.resources.path = answer.body;
  const type = [responses.auto.headers["content-type"]].flat()[0]?.split(";")[0];
  responses.auto.httpEquiv = pkg.HTML_TYPES.has(type) && answer.body
    ? pkg.parseHttpEquivHeaders(answer.body, answer.final_url) : new Map();

  let all = 100, uncurved = 100, passed = 0;
  const tests = {};
  for (const test of pkg.ALL_TESTS) {
    const output = test(requests);
    const modifier = pkg.getScoreModifier(output.result);
    all += modifier;
    uncurved += Math.min(modifier, 0);
    passed += output.pass ? 1 : 0;
    tests[output.constructor.name] = { result: output.result, pass: output.pass, score_modifier: modifier };
  }
  const final = pkg.getGradeForScore(uncurved >= 90 ? all : uncurved);
  return { score: final.score, grade: final.grade, tests_passed: passed, tests_failed: pkg.NUM_TESTS - passed, tests };
}

const recorded = JSON.parse(fs.readFileSync(file, "utf8"));
const { base } = recorded;
for (const version of Object.keys(packages)) {
  base.expect[version] = grade(version, base.input);
  for (const one of recorded.cases) {
    const all = grade(version, { ...base.input, ...one.change });
    const differs = ([name, verdict]) => JSON.stringify(verdict) !== JSON.stringify(base.expect[version].tests[name]);
    one.expect[version] = { ...all, tests: Object.fromEntries(Object.entries(all.tests).filter(differs)) };
  }
}
const { cases, ...rest } = recorded;
const head = JSON.stringify(rest).slice(0, -1);
fs.writeFileSync(file, `${head},"cases":[\n${cases.map((one) => JSON.stringify(one)).join(",\n")}\n]}\n`);
