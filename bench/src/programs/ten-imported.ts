// The same as ten-required.cts, as an ES module.
import { int32, provider, string } from 'sonde';

const names = ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten'];

provider('ten', Object.fromEntries(names.map((name) => [name, [string('peer'), int32('port')]])));
console.log(process.resourceUsage().maxRSS);
