// A style sheet as a string: minified by the build, unchanged in the test runner.
declare module '*.css?inline' {
  const css: string;
  export default css;
}
