import { callAll } from './calls.js';

callAll().then((told) => console.log(JSON.stringify(told)));
