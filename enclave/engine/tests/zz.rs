//! x
use tract_onnx::prelude::*;
#[test] fn zz(){
 let h=std::env::var("HOME").unwrap()+"/.cache/strongroom/models/";
 let g=onnx().with_ignore_value_info(true).model_for_path(h.clone()+"opennsfw.onnx").unwrap();
 let go=|n:&str,d:TDim| { let m=g.clone().with_input_fact(0,InferenceFact::dt_shape(f32::datum_type(),[d,224.into(),224.into(),3.into()])).unwrap();
  let t=m.into_typed().unwrap();
  eprintln!("nsfw {n} typed {:?}", t.output_fact(0).unwrap());
  eprintln!("nsfw {n} {:?}", t.into_optimized().map(|_|()).map_err(|e|format!("{e:#}"))); };
 go("1",1.into()); go("8",8.into());
 go("sym", g.symbols.sym("b").into());
 go("1",1.into());
 for v in ["1","batch"] {let g=onnx().with_ignore_value_info(true).model_for_path(h.clone()+"opennsfw.onnx").unwrap();
 let go=|n:&str,d:TDim| { let m=g.clone().with_input_fact(0,InferenceFact::dt_shape(f32::datum_type(),[d,224.into(),224.into(),3.into()])).unwrap();
  let mut t=m.into_typed().unwrap();
  eprintln!("nsfw declutter {n} {:?}", t.declutter().map_err(|e|format!("{e:#}")));
  eprintln!("nsfw optimize {n} {:?}", t.optimize().map_err(|e|format!("{e:#}"))); };
 if v=="1" {go("1",1.into())} else {go("1",g.symbols.sym("q").into())}
 }
}
