// Reads a document on standard input and writes what an independent reader says of it as
// JSON. The argument names the reader; NPM_MODULES is where the packages are.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const modules = process.env.NPM_MODULES;
const require = createRequire(join(modules, 'x.js'));
const text = readFileSync(0, 'utf8');
const problems = (errors) => (errors || []).map((e) => `${e.instancePath ?? e.dataPath} ${e.message} ${JSON.stringify(e.params)}`);

const readers = {
	// Draft 2020-12 with the schema in the argument.
	json() {
		const Ajv = require('ajv/dist/2020').default;
		const validate = new Ajv({ allErrors: true }).compile(JSON.parse(readFileSync(process.argv[3], 'utf8')));
		validate(JSON.parse(text));
		return problems(validate.errors);
	},
	// The schema of the standard as Microsoft's matcher ships it, which is draft-04, with
	// the validator that it brings along.
	sarif() {
		const own = createRequire(require.resolve('@microsoft/jest-sarif/package.json'));
		const Ajv = own('ajv');
		const ajv = new Ajv({ schemaId: 'auto', allErrors: true, meta: own('ajv/lib/refs/json-schema-draft-04.json') });
		const validate = ajv.compile(own('./lib/schemas/sarif-2.1.0-rtm.5.json'));
		validate(JSON.parse(text));
		return problems(validate.errors);
	},
	har() {
		const own = createRequire(require.resolve('@microsoft/jest-sarif/package.json'));
		const Ajv = own('ajv');
		const ajv = new Ajv({ allErrors: true });
		ajv.addMetaSchema(own('ajv/lib/refs/json-schema-draft-06.json'));
		ajv.addSchema(Object.values(require('har-schema')));
		const validate = ajv.getSchema('har.json');
		validate(JSON.parse(text));
		return problems(validate.errors);
	},
	async junit() {
		const { parse } = await import(pathToFileURL(join(modules, 'junit2json/dist/esm/index.js')));
		return parse(text);
	},
};
console.log(JSON.stringify(await readers[process.argv[2]]()));
