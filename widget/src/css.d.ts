// A style sheet as a string: the build minifies it, the test runner hands it over as it is.
declare module '*.css?inline' {
  const css: string;
  export default css;
}
